// Accepted connections that cannot be placed yet, because the bytes with their client key have not all arrived.
#ifndef LIMPET_HANDOFF_PRIMARY_PENDING_HEADS_H_
#define LIMPET_HANDOFF_PRIMARY_PENDING_HEADS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <vector>

#include "handoff/descriptor.h"
#include "handoff/poller.h"
#include "handoff/primary/lingering_close.h"
#include "head/affinity_chain.h"

namespace limpet {

// How a connection finds its slot.
struct Placement {
  // The slot that a sealed cookie or sid of the client names. It serves the client while it is up.
  std::optional<uint8_t> slot{};
  // The client key for the ring, if that slot is down or there is none: `address` or `text`.
  bool by_address = true;
  IpAddress address{};
  std::string_view text{};
  // Only the chain's last rule, the address, gave a key.
  bool unknown = false;
  // The client that a PROXY header named.
  std::optional<Endpoint> proxied{};
};

// Peeks into each stream, and places the connection as soon as the rules can decide. Only a PROXY header is ever taken off a
// stream. Owns the sockets until they are placed.
//
// The work for a connection is bounded, whatever its client does. Each byte of a head is parsed once. A client that sends byte by
// byte is peeked at less and less often. A connection is answered and closed if it is too slow, if its head is too long, or if it is
// the oldest of too many. Not thread-safe: the acceptor's lock guards it.
class PendingHeads {
 public:
  struct Settings {
    uint32_t timeout_ms = 5000;
    size_t max = 10000;
    // The most connections of one address. There is no such limit for addresses that the chain trusts.
    size_t per_address_max = 1000;
  };
  // The placement's text is valid during the call only.
  using Place = void (*)(void* context, Descriptor socket, uint8_t listener, const Placement& placement);

  // A token that this gives to the poller is an id plus `token_bit` or the next higher bit. The poller must outlive this.
  PendingHeads(Poller* poller, uint64_t token_bit, Settings settings, Place place, void* context);
  PendingHeads(const PendingHeads&) = delete;
  PendingHeads& operator=(const PendingHeads&) = delete;

  // May place the connection before it returns.
  void Admit(Descriptor socket, uint8_t listener, SharedChain chain, const Endpoint& peer);
  // Handles a token that the poller reported. False if the token is not from here.
  bool OnReadable(uint64_t token);
  // Handles the connections whose time has come.
  void OnTime();
  // In how many milliseconds OnTime must be called. INT32_MAX if nothing will be due.
  int DueInMs() const;

  size_t waiting(uint8_t listener) const;
  // Closes the listener's connections that have sent nothing, with `all` also the others. Returns how many.
  size_t Drop(uint8_t listener, bool all);
  // Connections that were rejected before routing, by reason.
  const std::array<uint64_t, kRefusalCount>& refused() const { return refused_; }

 private:
  struct Pending {
    Descriptor socket;
    uint8_t listener;
    SharedChain chain;
    Reading reading;
    IpAddress origin;
    uint64_t deadline_ms;
    bool counted = false;  // It counts for its address.
    bool spoken = false;   // At least one byte has arrived.
    bool polled = false;   // The poller watches it. Otherwise OnTime peeks at it.
    uint8_t looks = 0;     // How many peeks found the head incomplete.
  };
  using Waiting = std::map<uint32_t, Pending>;
  using Due = std::pair<uint64_t, uint32_t>;
  // The result of a peek.
  enum class Progress : uint8_t { kIncomplete, kPlaced, kGone, kRefused };

  // Peeks, and places the connection if the rules can decide. On kPlaced its socket has been handed on.
  Progress TryToPlace(Pending& pending, Refusal& refusal);
  // Does what the rules decided. They have all that they need.
  Progress Apply(Decision decision, Pending& pending, const Arrival& arrival, Refusal& refusal);
  // Tries to place the connection, then removes it or watches for more.
  void Advance(Waiting::iterator entry);
  void WatchForMore(uint32_t id, Pending& pending);
  void MakeRoomFor(const Pending& admitted);
  void Refuse(Waiting::iterator entry, Refusal refusal);
  // Removes it from every table and from the poller, and returns its socket.
  Descriptor Remove(Waiting::iterator entry);

  Poller* const poller_;
  const uint64_t token_bit_;
  const Settings settings_;
  const Place place_;
  void* const context_;
  LingeringClose lingering_close_;
  // By id. Ids grow and every connection gets the same time, so the first one is the oldest and the first to be late.
  Waiting waiting_;
  std::map<std::array<uint8_t, 16>, std::set<uint32_t>> by_address_;
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> paced_;
  std::array<uint64_t, kRefusalCount> refused_{};
  std::vector<char> stream_;
  std::array<char, kDecodedKeyBytesMax> scratch_;
  uint32_t next_id_ = 0;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_PENDING_HEADS_H_
