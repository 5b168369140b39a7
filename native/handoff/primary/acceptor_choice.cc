// How the acceptor chooses the slot of a connection.
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "handoff/primary/acceptor.h"
#include "ring/ring.h"

namespace limpet {

// Called when the listener's rules have found the client.
void Acceptor::OnPlacement(void* self, Descriptor socket, uint8_t listener, const Placement& placement) {
  auto* const acceptor = static_cast<Acceptor*>(self);
  Connection connection{.socket = std::move(socket), .listener = listener, .bucket = acceptor->BucketFor(placement)};
  if (placement.slot) {
    connection.pinned = *placement.slot;
  } else if (placement.unknown && acceptor->settings_.spread_evenly) {
    connection.pinned = acceptor->LeastLoadedSlot();
  }
  if (placement.proxied) connection.proxied = *placement.proxied;
  acceptor->Place(std::move(connection));
}

uint16_t Acceptor::BucketFor(const Placement& placement) {
  if (!placement.by_address) {
    const auto* text = reinterpret_cast<const uint8_t*>(placement.text.data());
    return BucketOfHash(Hash32(settings_.key, text, placement.text.size()));
  }
  std::optional<ClientKey> client;
  if (placement.address != IpAddress{}) client = KeyOfIpv6(placement.address.bytes.data(), settings_.ipv6_prefix);
  if (placement.unknown) CountClient(client);
  return BucketOf(client);
}

uint16_t Acceptor::SlotOf(const Connection& connection) const {
  const bool serves = connection.pinned < serving_.size() && serving_.test(connection.pinned);
  return serves ? connection.pinned : owners_[connection.bucket];
}

// `slot` if its load is below the bound. Otherwise the next slot in the bucket's order with a load below it. This is consistent hashing
// with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018), but with the ring's own order instead of the next point on a circle.
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

// Equally loaded slots take turns.
uint16_t Acceptor::LeastLoadedSlot() {
  const size_t slots = serving_.size();
  size_t least = SIZE_MAX;
  uint16_t chosen = kNoSlot;
  ++rotation_;
  for (size_t i = 0; i < slots; ++i) {
    const size_t slot = (rotation_ + i) % slots;
    if (!serving_.test(slot)) continue;
    const size_t load = queues_[slot]->Load();
    if (load >= least) continue;
    least = load;
    chosen = static_cast<uint16_t>(slot);
  }
  return chosen;
}

// Clients of a unix-domain socket have no address. Each gets another bucket, in rotation.
uint16_t Acceptor::BucketOf(const std::optional<ClientKey>& client) {
  const ClientKey key = client ? *client : ClientKey{0, ++rotation_};
  return BucketOfHash(HashWords(settings_.key, key.w0, key.w1));
}

uint16_t Acceptor::BucketOfHash(uint32_t hash) const {
  return static_cast<uint16_t>(hash >> (32 - std::countr_zero(owners_.size())));
}

// Counts a client that only its address identifies.
void Acceptor::CountClient(const std::optional<ClientKey>& client) {
  if (client) busiest_.Saw(*client);
}

}  // namespace limpet
