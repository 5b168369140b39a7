// To which slot the acceptor gives a connection.
#include <array>
#include <bit>
#include <cmath>

#include "handoff/primary/acceptor.h"
#include "ring/ring.h"

namespace limpet {

uint16_t Acceptor::SlotOf(const Connection& connection) const {
  const bool served = connection.pinned < serving_.size() && serving_.test(connection.pinned);
  return served ? connection.pinned : owners_[connection.bucket];
}

// The slot itself, or, where it has its part already, the next one of the bucket that has not. Consistent hashing with bounded
// loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018), with the ring's own order in place of the next point on a circle.
uint16_t Acceptor::SlotWithinBound(uint16_t slot, uint16_t bucket) const {
  static constexpr std::array<double, SharedMemory::kSlots> kWeights = [] {
    std::array<double, SharedMemory::kSlots> weights{};
    weights.fill(1);
    return weights;
  }();
  std::array<size_t, SharedMemory::kSlots> loads{};
  size_t open = 1;
  for (size_t i = 0; i < loads.size(); ++i) {
    if (!serving_.test(i)) continue;
    loads[i] = queues_[i]->Load();
    open += loads[i];
  }
  const double bound = std::ceil(settings_.max_load * static_cast<double>(open) / static_cast<double>(serving_.count()));
  if (static_cast<double>(loads[slot]) < bound) return slot;
  std::array<uint8_t, SharedMemory::kSlots> full{};
  for (size_t i = 0; i < full.size(); ++i) full[i] = !serving_.test(i) || static_cast<double>(loads[i]) >= bound;
  const uint16_t next = OwnerOfBucket(bucket, homes_[bucket], kWeights, full);
  return next == kNoSlot ? slot : next;
}

// Of several with as few, another one each time.
uint16_t Acceptor::LeastLoadedSlot() {
  const size_t slots = serving_.size();
  size_t least = SIZE_MAX;
  uint16_t emptiest = kNoSlot;
  ++rotation_;
  for (size_t i = 0; i < slots; ++i) {
    const size_t slot = (rotation_ + i) % slots;
    if (!serving_.test(slot)) continue;
    const size_t load = queues_[slot]->Load();
    if (load >= least) continue;
    least = load;
    emptiest = static_cast<uint16_t>(slot);
  }
  return emptiest;
}

// Unix-domain clients have no address to stick by: they are dealt out in turn.
uint16_t Acceptor::BucketOf(const std::optional<ClientKey>& client) {
  const ClientKey key = client ? *client : ClientKey{0, ++rotation_};
  return BucketOfHash(HashWords(settings_.key, key.w0, key.w1));
}

// Nothing but its address tells this client from others.
uint16_t Acceptor::BucketOfStranger(const std::optional<ClientKey>& client) {
  if (client) busiest_.Saw(*client);
  return BucketOf(client);
}

uint16_t Acceptor::BucketOfHash(uint32_t hash) const {
  return static_cast<uint16_t>(hash >> (32 - std::countr_zero(owners_.size())));
}

}  // namespace limpet
