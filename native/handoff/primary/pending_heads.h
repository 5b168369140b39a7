// Connections that were accepted and cannot be placed yet: their client key is in bytes that have not all come.
#ifndef LIMPET_HANDOFF_PRIMARY_PENDING_HEADS_H_
#define LIMPET_HANDOFF_PRIMARY_PENDING_HEADS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <vector>

#include "handoff/poller.h"
#include "handoff/primary/lingering_close.h"
#include "head/affinity_chain.h"

namespace limpet {

using SharedChain = std::shared_ptr<const AffinityChain>;

// Where a connection belongs.
struct Placement {
  // The slot that the client brought, sealed.
  std::optional<uint8_t> slot{};
  // What the ring is asked with, where that slot is down or there is none: an address or a text.
  bool by_address = true;
  IpAddress address{};
  std::string_view text{};
  // No rule but the last knew the client.
  bool unknown = false;
  // The real client, where a PROXY header told it.
  std::optional<Endpoint> proxied{};
};

// Looks into each stream without taking anything from it but a PROXY header, and places the connection as soon as the rules
// can decide. Owns the descriptors until then. Every connection costs a bounded sum, whatever its client does: each byte of
// a head is read once, a client that sends byte by byte is looked at less and less often, and who is late, too long or one
// too many is answered and closed. Not thread-safe: the acceptor's lock guards it.
class PendingHeads {
 public:
  struct Settings {
    uint32_t timeout_ms = 5000;
    size_t max = 10000;
    // Of one address that the chain does not trust.
    size_t per_address_max = 1000;
  };
  // Takes ownership of the descriptor. The placement's text is valid during the call.
  using Place = void (*)(void* context, int fd, uint8_t listener, const Placement& placement);

  // Tokens given to the poller have `token_bit`, or the next higher bit, set, and an id below. The poller must outlive this.
  PendingHeads(Poller* poller, uint64_t token_bit, Settings settings, Place place, void* context);
  ~PendingHeads();
  PendingHeads(const PendingHeads&) = delete;
  PendingHeads& operator=(const PendingHeads&) = delete;

  // Takes ownership of `fd`. May place it before returning.
  void Admit(int fd, uint8_t listener, SharedChain chain, const Endpoint& peer);
  // Whether the poller's token is one of ours; then what it told of was done.
  bool Wake(uint64_t token);
  // Does what is due.
  void OnTime();
  // How long until something is due; INT32_MAX when nothing will be.
  int DueInMs() const;

  size_t waiting(uint8_t listener) const;
  // Closes the listener's connections that have said nothing; with `all`, the others too. How many.
  size_t Drop(uint8_t listener, bool all);
  // Connections closed unplaced, by reason.
  const std::array<uint64_t, kRefusalCount>& refused() const { return refused_; }

 private:
  struct Pending {
    int fd;
    uint8_t listener;
    SharedChain chain;
    Reading reading;
    IpAddress origin;
    uint64_t deadline_ms;
    bool counted = false;  // against its address
    bool spoken = false;   // at least a byte has come
    bool polled = false;   // the poller watches it; else it is looked at by the clock
    uint8_t looks = 0;     // that found it incomplete
  };
  using Waiting = std::map<uint32_t, Pending>;
  using Due = std::pair<uint64_t, uint32_t>;
  // What became of a connection that was looked at.
  enum class Seen : uint8_t { kIncomplete, kPlaced, kGone, kRefused };

  Seen LookAt(Pending& pending, Refusal& refusal);
  Seen Follow(Pending& pending, const Arrival& arrival, Decision decision, Refusal& refusal);
  // Looks, and does what follows from it.
  void Handle(Waiting::iterator pending);
  void WatchFor(uint32_t id, Pending& pending);
  void MakeRoomFor(const Pending& newcomer);
  void Refuse(Waiting::iterator pending, Refusal refusal);
  // Takes it off all books; the descriptor is the caller's.
  void Forget(Waiting::iterator pending);

  Poller* const poller_;
  const uint64_t token_bit_;
  const Settings settings_;
  const Place place_;
  void* const context_;
  LingeringClose lingering_close_;
  // Ids grow, and all have the same time: the first is the oldest and the first to be late.
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
