// The primary's acceptor thread: accepts connections and sends them to the workers in the slots that serve them.
#ifndef LIMPET_HANDOFF_PRIMARY_ACCEPTOR_H_
#define LIMPET_HANDOFF_PRIMARY_ACCEPTOR_H_

#include <uv.h>

#include <array>
#include <bitset>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "handoff/busiest_client.h"
#include "handoff/peer_address.h"
#include "handoff/poller.h"
#include "handoff/primary/pending_heads.h"
#include "handoff/primary/slot_queue.h"
#include "handoff/shared_memory.h"
#include "ring/hash.h"

namespace limpet {

// One thread with one poller, for any number of listening sockets. A connection is accepted and gets a client key. The key has a
// bucket, and the bucket has an owner: the slot whose queue the connection joins, and through whose channel it leaves. UpdateRing
// sets the owners. The acceptor decides nothing about them.
//
// Every method may be called from any thread but the acceptor's own. Each takes effect before it returns, and waits for at most one
// round of the thread. `memory` must outlive the acceptor.
class Acceptor {
 public:
  struct Settings {
    HashKey key;
    int ipv6_prefix;
    size_t queue_max;  // The most connections that wait for one slot. More are closed, and counted as refused.
    PendingHeads::Settings heads{};
    // Clients that only the last rule, `address`, knows go to the slot with the fewest connections. The ring does not place them.
    bool spread_evenly = false;
    // The ring gives a slot no more connections than this multiple of the mean of all serving slots. 0: no bound.
    double max_load = 0;
  };
  // Called on the acceptor's thread when a closing listener has become empty.
  using Notify = void (*)(void* context);

  // How the acceptor treats a listening socket.
  enum class AcceptMode : uint8_t {
    kHeld,     // It accepts nothing. Connections wait in the kernel, or a worker accepts them.
    kWatched,  // It accepts nothing until the socket's accept queue is more than half full. From then on the socket is kServed.
    kServed,   // It accepts the connections and sends them to workers.
  };

  Acceptor(const SharedMemory* memory, Settings settings, Notify notify, void* context);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Starts the thread. It accepts nothing before the first UpdateRing.
  Status Start();
  // Ends the thread, and closes the listening sockets, the channels and the queued connections. Later calls are answered as if there
  // were no connections.
  void Stop();

  // The channel end that the slot's worker processes inherit. It stays the acceptor's, and is the same for the slot's life.
  Status ChannelEnd(uint32_t slot, int* fd);

  // Adds a listening socket of `listener` as kHeld, and returns its number, which is never used again. With `pinned`, its
  // connections go to that slot while it serves, else all of them to one other slot. With kNoSlot the ring places them.
  uint32_t Add(uint8_t listener, Descriptor socket, uint16_t pinned = kNoSlot);
  // `detour`, if not empty, replaces the owners of the buckets for this socket: its connections must not go to their home.
  void Serve(uint32_t source, AcceptMode mode, std::vector<uint16_t> detour);
  // Closes the socket. With `drain`, first accepts the connections that wait in it.
  void Remove(uint32_t source, bool drain);

  // From now on these rules give the client keys of the listener's connections. Without rules the key is the client's address.
  void SetAffinity(uint8_t listener, SharedChain chain);
  // Connections that were rejected before routing, by reason.
  std::array<uint64_t, kRefusalCount> Refused();

  // How many connections were placed by their address, and how many of them the busiest client has made.
  BusiestClient Busiest();

  // Sets the owner and the home of each bucket, slots below 256. Connections that wait for a slot that owns nothing any more, or lie
  // unread in its channel, go to the new owners.
  Status UpdateRing(std::vector<uint16_t> owners, std::vector<uint16_t> homes);

  // From now on the worker process `worker_index` takes the listener's connections for the slot.
  Status Attach(uint32_t slot, uint8_t listener, uint32_t worker_index);
  // From now on it does not. Connections that it has not read wait for the next process.
  void Detach(uint32_t slot, uint8_t listener);

  size_t Queued(uint32_t slot, uint8_t listener);
  // Accepts the connections that wait in the kernel, and closes the listener's sockets. Notifies once, when IsEmpty is true.
  void Close(uint8_t listener);
  // Whether none of the listener's connections is in the acceptor, and no connection lies unread in a channel.
  bool IsEmpty(uint8_t listener);
  // Closes the listener's connections that wait here, and returns how many.
  size_t CloseQueued(uint8_t listener);

 private:
  class Guard;
  // The bits that mark the kind of a poller token. A token without them is the number of a source.
  static constexpr uint64_t kChannel = uint64_t{1} << 32;
  static constexpr uint64_t kHead = kChannel << 1;

  // A listening socket.
  struct Source {
    uint8_t listener;
    AcceptMode mode = AcceptMode::kHeld;
    bool overflowed = false;  // It is served because its accept queue ran full while it was watched.
    bool polled = false;
    uint16_t pinned = kNoSlot;
    Descriptor socket;
    std::vector<uint16_t> detour;
  };
  using Sources = std::map<uint32_t, Source>;

  // The thread.
  static void Main(void* self);
  void Run();
  void Handle(uint64_t token);
  void OnTime();
  void ServeOverflowing();
  void NotifyOfEmpty();
  int TimeoutMs() const;

  // Accepting.
  size_t AcceptSome(const Source& source);
  void AcceptAll(const Source& source);
  void OnAccept(const Source& source, Descriptor socket, const PeerAddress& peer);
  void Poll(uint32_t id, Source& source);
  void Unpoll(Source& source);
  void BackOff();
  void CloseSource(Sources::iterator source, bool drain);

  // The choice of a slot.
  static void OnPlacement(void* self, Descriptor socket, uint8_t listener, const Placement& placement);
  uint16_t BucketFor(const Placement& placement);
  uint16_t BucketOf(const std::optional<ClientKey>& client);
  uint16_t BucketOfHash(uint32_t hash) const;
  void CountClient(const std::optional<ClientKey>& client);
  uint16_t SlotOf(const Connection& connection) const;
  uint16_t SlotWithinBound(uint16_t slot, uint16_t bucket) const;
  uint16_t LeastLoadedSlot();

  // The queues.
  void Place(Connection connection);
  void Enqueue(uint16_t slot, Connection connection);
  void RequeueWaiting();
  void Flush();
  Status QueueOf(uint32_t slot, SlotQueue** queue);
  bool HoldsNothingOf(uint8_t listener) const;

  const SharedMemory* const memory_;
  const Settings settings_;
  const Notify notify_;
  void* const context_;

  // Every thread takes entry_lock_ before state_lock_. Otherwise the acceptor's thread, which takes state_lock_ again right after it
  // has released it, could keep the others waiting.
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
  Sources sources_;
  uint32_t next_source_ = 0;
  std::array<std::unique_ptr<SlotQueue>, SharedMemory::kSlots> queues_;
  std::bitset<SharedMemory::kSlots> to_flush_;
  std::bitset<SharedMemory::kSlots> to_retry_;
  std::vector<uint8_t> closing_;
  uint64_t backoff_until_ms_ = 0;  // Nothing is accepted before this time. 0: no backoff.
  uint64_t backoff_ms_ = 0;
  uint32_t rotation_ = 0;
  BusiestClient busiest_;
  bool stopping_ = false;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_ACCEPTOR_H_
