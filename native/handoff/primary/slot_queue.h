// The connections that wait for one slot, and the channel to the worker process in the slot.
#ifndef LIMPET_HANDOFF_PRIMARY_SLOT_QUEUE_H_
#define LIMPET_HANDOFF_PRIMARY_SLOT_QUEUE_H_

#include <array>
#include <deque>
#include <vector>

#include "handoff/fd_channel.h"
#include "handoff/shared_memory.h"
#include "handoff/status.h"

namespace limpet {

// Owns the connections in it. A connection is sent when the worker is attached for its listener and has credits left. The channel never
// holds more connections than the worker has credits. Not thread-safe: the acceptor's lock guards it.
class SlotQueue {
 public:
  enum class Result {
    kDone,   // No more can be sent or received now: the queue is empty, no worker is attached, or the worker will poke.
    kRetry,  // The system is short of descriptors or buffers. Try again in some milliseconds.
  };

  // `memory` and `homes`, the home slot of each bucket, must outlive the queue.
  SlotQueue(const SharedMemory* memory, const std::vector<uint16_t>* homes, uint32_t slot)
      : memory_(memory), homes_(homes), slot_(slot) {}
  ~SlotQueue();
  SlotQueue(const SlotQueue&) = delete;
  SlotQueue& operator=(const SlotQueue&) = delete;

  Status Open() { return ChannelPair::Open(&channel_); }
  // The end that the slot's worker processes inherit.
  int worker_end() const { return channel_.worker_end.get(); }
  // The end that the acceptor polls. It is readable when the worker pokes or returns connections.
  int primary_end() const { return channel_.primary_end.get(); }

  // From now on the worker process `worker_index` takes the listener's connections. Only one process at a time reads from the
  // channel. It is attached when all its listeners are open and the process before it has stopped reading.
  void Attach(uint8_t listener, uint32_t worker_index);
  // From now on no process takes the listener's connections. Connections that were not read return to the queue.
  void Detach(uint8_t listener);

  void Push(Connection connection);
  // Removes all connections from the queue and returns them, the oldest first.
  std::deque<Connection> TakeAll();
  // Moves the connections that no process has read from the channel to the front of the queue.
  void TakeBackUnread();
  // Sends the connections that can be sent.
  Result Flush();
  // Receives what the worker sent: pokes, and connections that it returned because it does not expect their listener. Changes
  // nothing about who is attached: returns from an old process can arrive after the new one was attached.
  Result Receive();

  // Counts a connection that was closed instead of queued. `cell` is kQueueFull or kAbandoned.
  void CountRefused(uint32_t cell) { Count(CellAt(cell)); }
  // Connections that are open in the attached process or on their way to it.
  size_t Load() const;
  size_t queued() const { return queue_.size(); }
  size_t queued(uint8_t listener) const;
  // Connections in the channel that were sent and not yet read.
  size_t in_channel() const { return WaitingIn(worker_end()); }

 private:
  using Iterator = std::deque<Connection>::iterator;

  std::atomic<double>& CellAt(uint32_t cell) const { return memory_->slot(slot_, cell); }
  bool IsAttached(const Connection& connection) const { return attached_[connection.listener]; }
  // The first connection from `from` on that the attached process takes.
  Iterator NextToSend(Iterator from);
  // Sends one message: the connection at `next` and up to `max` - 1 that directly follow it, while their listener is attached.
  // Removes them from the queue and sets `next` to the connection behind them. False if nothing was sent.
  bool SendMessage(Iterator& next, size_t max);
  // How many more connections the attached process can take.
  size_t Credits() const;
  // The same. At 0, also asks the process to poke the channel as soon as it has credits.
  size_t CreditsOrRequest();
  // Adds `change`, 1 or -1, to the counts of connections that were put into the channel.
  void CountHanded(const Connection& connection, double change);
  void PutInFront(std::vector<Connection> connections);
  void PublishQueued();

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
