// What the acceptor keeps for one slot: the connections that wait for it, and the channel to whoever sits in it.
#ifndef LIMPET_HANDOFF_PRIMARY_SLOT_QUEUE_H_
#define LIMPET_HANDOFF_PRIMARY_SLOT_QUEUE_H_

#include <array>
#include <deque>
#include <vector>

#include "handoff/fd_channel.h"
#include "handoff/shared_memory.h"
#include "handoff/status.h"

namespace limpet {

// Owns every descriptor in it. A connection leaves when the process in the slot is seated for its listener and has room: no
// more than its credits wait in the channel. Not thread-safe: the acceptor's lock guards it.
class SlotQueue {
 public:
  enum class Flushed {
    kDone,   // nothing more can go now: the queue is empty, nobody is seated, or the worker will poke
    kRetry,  // the system is short of something: try again in some milliseconds
  };

  // `page` and `homes`, the home slot of each bucket, must outlive the queue.
  SlotQueue(const SharedMemory* memory, const std::vector<uint16_t>* homes, uint32_t slot)
      : memory_(memory), homes_(homes), slot_(slot) {}
  ~SlotQueue();
  SlotQueue(const SlotQueue&) = delete;
  SlotQueue& operator=(const SlotQueue&) = delete;

  Status Open() { return ChannelPair::Open(&channel_); }
  // The end that the slot's processes inherit.
  int worker_end() const { return channel_.worker_end.get(); }
  // The end to watch: readable when the worker pokes or passes connections back.
  int primary_end() const { return channel_.primary_end.get(); }

  // The process that writes `row` takes the listener's connections. One process at a time sits in the slot, and it alone reads
  // from the channel: it is seated when it has opened all its listeners, after the one before it has stopped reading.
  void Attach(uint8_t listener, uint32_t worker_index);
  void Detach(uint8_t listener);

  void Push(const Connection& connection);
  // Everything that waits, the oldest first; the caller owns it.
  std::deque<Connection> TakeAll();
  // Puts what nobody has read from the channel back in front of the queue.
  void TakeBackUnread();
  // Sends what can be sent.
  Flushed Flush();
  // Reads what the worker sent: pokes, and connections that lay in the channel for a listener that it has not. Who is seated does
  // not change: what a predecessor passed back may be read after its successor was seated.
  Flushed Read();

  // One connection that was to wait here was closed instead: `why` is kQueueFull or kAbandoned.
  void CountRefused(uint32_t why) { Count(cell(why)); }
  // Connections that are open in the seated process, or on their way to it.
  size_t Load() const;
  size_t queued() const { return queue_.size(); }
  size_t queued(uint8_t listener) const;
  // Connections in the channel, sent and not yet read.
  size_t in_channel() const { return WaitingIn(worker_end()); }

 private:
  std::atomic<double>& cell(uint32_t cell) const { return memory_->slot(slot_, cell); }
  size_t Room() const;
  void CountHanded(const Connection* connections, size_t count, double sign);
  void PutInFront(const std::vector<Connection>& connections);
  void ShowQueued() { cell(SlotCell::kQueued).store(static_cast<double>(queue_.size()), std::memory_order_relaxed); }

  const SharedMemory* const memory_;
  const std::vector<uint16_t>* const homes_;
  const uint32_t slot_;
  ChannelPair channel_;
  std::deque<Connection> queue_;
  std::array<bool, 256> attached_{};
  uint32_t worker_index_ = 0;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_SLOT_QUEUE_H_
