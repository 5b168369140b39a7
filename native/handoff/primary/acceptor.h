// The primary's own thread: accepts connections and puts them into the channels of the slots that serve them.
#ifndef LIMPET_HANDOFF_PRIMARY_ACCEPTOR_H_
#define LIMPET_HANDOFF_PRIMARY_ACCEPTOR_H_

#include <uv.h>

#include <array>
#include <bitset>
#include <map>
#include <memory>
#include <vector>

#include "handoff/busiest_client.h"
#include "handoff/peer_address.h"
#include "handoff/poller.h"
#include "handoff/primary/pending_heads.h"
#include "handoff/primary/slot_queue.h"
#include "handoff/shared_memory.h"
#include "ring/hash.h"

namespace limpet {

// One thread, one poller, any number of listening sockets. A connection's way: accepted → keyed → the bucket's owner → that
// slot's queue → its channel. Which slot owns a bucket is told by UpdateRing; nothing is decided here.
//
// Every method may be called from any thread but the acceptor's own; each takes effect before it returns, after at most one
// round of the thread. `page` must outlive the acceptor.
class Acceptor {
 public:
  struct Settings {
    HashKey key;
    int ipv6_prefix;
    size_t queue_max;  // connections that may wait for one slot; more are closed, and counted as refused
    PendingHeads::Settings heads{};
    // Clients that no rule but the last, `address`, knows go to the slot with the fewest connections, not by the ring.
    bool spread_evenly = false;
    // A slot takes no more than so many times the mean of clients that the ring places; 0 for no bound.
    double max_load = 0;
  };
  // Called on the acceptor's thread when a listener that is closing has settled.
  using Notify = void (*)(void* context);

  // What is done with a listening socket.
  enum class Service : uint8_t {
    kHeld,     // nothing: its connections wait in the kernel, or a worker accepts them
    kWatched,  // nothing, until its queue in the kernel is more than half full; served from then on
    kServed,   // its connections are accepted and handed on
  };

  Acceptor(const SharedMemory* memory, Settings settings, Notify notify, void* context);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Ends the thread and closes every descriptor. Calls that come later are answered as if there were nothing.
  void Stop();

  // Starts the thread. Nothing is served before the first UpdateRing.
  Status Start();

  // The channel end that the slot's processes inherit; stays the acceptor's, and the same for the slot's life.
  Status ChannelEnd(uint32_t slot, int* fd);

  // Takes a listening socket of `listener`, held; its number is never used again. Connections that come to it are for the slot
  // `pinned` while that serves, then for one that is the same for all of them; with kNoSlot, they are placed.
  uint32_t Add(uint8_t listener, Descriptor socket, uint16_t pinned = kNoSlot);
  // `detour`, if not empty, says who serves each bucket instead of the owners: for connections that their home is not to get.
  void Serve(uint32_t source, Service service, std::vector<uint16_t> detour);
  // Closes the socket, with `drain` after accepting what waits in it.
  void Remove(uint32_t source, bool drain);

  // The listener's connections are placed by these rules from now on; before, and without, by their address.
  void SetAffinity(uint8_t listener, SharedChain chain);
  // Connections closed before they could be placed, by reason.
  std::array<uint64_t, kRefusalCount> Refused();

  // Of the connections that were placed by their address, what the client that makes the most has made.
  BusiestClient Busiest();

  // The owner and the home of each bucket, slots below 256. What waits, or lies unread in the channel of a slot that owns
  // nothing any more, goes to the owners.
  Status UpdateRing(std::vector<uint16_t> owners, std::vector<uint16_t> homes);

  // The process that writes `row` takes the listener's connections for the slot.
  Status Attach(uint32_t slot, uint8_t listener, uint32_t worker_index);
  // It does no longer; what it has not read waits for the next one.
  void Detach(uint32_t slot, uint8_t listener);

  size_t Queued(uint32_t slot, uint8_t listener);
  // Accepts what waits in the kernel, closes the listener's sockets, and notifies once when no connection of its is left here
  // or unread in a channel.
  void Close(uint8_t listener);
  // Whether that is so.
  bool IsEmpty(uint8_t listener);
  // Closes what waits for the listener here; how many connections.
  size_t CloseQueued(uint8_t listener);

 private:
  class Guard;
  // What a poller's token stands for.
  static constexpr uint64_t kChannel = uint64_t{1} << 32;
  static constexpr uint64_t kHead = kChannel << 1;

  struct Source {
    uint8_t listener;
    Service service = Service::kHeld;
    bool overflowed = false;  // served, having been watched
    bool polled = false;
    uint16_t pinned = kNoSlot;
    Descriptor socket;
    std::vector<uint16_t> detour;
  };
  static void Main(void* self);
  void Run();
  void Handle(uint64_t token);
  int TimeoutMs() const;
  void OnTime();

  size_t AcceptSome(const Source& source);
  void AcceptAll(const Source& source);
  void Arrived(const Source& source, int fd, const PeerAddress& peer);
  static void Placed(void* self, int fd, uint8_t listener, const Placement& placement);
  void Enqueue(uint16_t slot, Connection connection);
  uint16_t SlotOf(const Connection& connection) const;
  uint16_t SlotWithinBound(uint16_t slot, uint16_t bucket) const;
  void Place(Connection connection);
  uint16_t LeastLoadedSlot();
  uint16_t BucketOf(const std::optional<ClientKey>& client);
  uint16_t BucketOfStranger(const std::optional<ClientKey>& client);
  uint16_t BucketOfHash(uint32_t hash) const;
  void Flush();
  void Poll(uint32_t id, Source& source);
  void Unpoll(Source& source);
  void BackOff();
  void Close(std::map<uint32_t, Source>::iterator source, bool drain);
  bool HoldsNothing(uint8_t listener) const;
  Status Outbox(uint32_t slot, SlotQueue** queue);

  const SharedMemory* const memory_;
  const Settings settings_;
  const Notify notify_;
  void* const context_;

  // Whoever wants the state passes the door first: so the thread, which would find the state free again at once, cannot keep
  // others out.
  uv_mutex_t entry_lock_;
  uv_mutex_t state_lock_;
  uv_thread_t thread_;
  bool running_ = false;

  Poller poller_;
  std::vector<uint16_t> owners_;
  std::vector<uint16_t> homes_;
  std::bitset<SharedMemory::kSlots> serving_;
  std::array<SharedChain, 256> chains_;
  PendingHeads heads_;
  std::map<uint32_t, Source> sources_;
  uint32_t next_source_ = 0;
  std::array<std::unique_ptr<SlotQueue>, SharedMemory::kSlots> queues_;
  std::bitset<SharedMemory::kSlots> to_flush_;
  std::bitset<SharedMemory::kSlots> to_retry_;
  std::vector<uint8_t> closing_;
  uint64_t backoff_until_ms_ = 0;  // no accepting before; 0 when not at rest
  uint64_t backoff_ms_ = 0;
  uint32_t rotation_ = 0;
  BusiestClient busiest_;
  bool stopping_ = false;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_ACCEPTOR_H_
