// The ring: a table with the home slot of each bucket, and a table with the slot that owns each bucket now.
// src/binding/typescript/ring.ts explains how homes and owners are computed, and why. This file computes the same, bit for bit.
#ifndef LIMPET_RING_RING_H_
#define LIMPET_RING_RING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ring/client_key.h"
#include "ring/hash.h"

namespace limpet {

// The owner of a bucket while no slot is up.
inline constexpr uint16_t kNoSlot = 0xffff;

// Computes the home of every bucket for slots of these weights (above 0) that joined in this order.
void BuildHomes(std::span<const double> weights, std::span<uint16_t> homes);

// Updates `homes` after `slot`, which has no buckets yet, has joined. No other slot gains buckets. A slot that is not in the ring has
// weight 0.
void JoinHomes(std::span<const double> weights, size_t slot, std::span<uint16_t> homes);

// Updates `homes` after `slot`, whose weight is 0 now, has left. Only its buckets move.
void LeaveHomes(std::span<const double> weights, size_t slot, std::span<uint16_t> homes);

// Computes the owner of each bucket while the slots with a nonzero `down` are down.
void AssignOwners(std::span<const uint16_t> homes, std::span<const double> weights, std::span<const uint8_t> down,
                  std::span<uint16_t> owners);

// The owner of one bucket while the slots with a nonzero `down` are down. kNoSlot if all are.
uint16_t OwnerOfBucket(uint32_t bucket, uint16_t home, std::span<const double> weights, std::span<const uint8_t> down);

// Looks clients up in a table of owners. The number of buckets is a power of two from 2 to 65,536. The table must outlive the view,
// and may change between two lookups.
class RingView {
 public:
  RingView(HashKey key, std::span<const uint16_t> owners);

  uint16_t OwnerOfHash(uint32_t hash) const { return owners_[hash >> shift_]; }
  uint16_t OwnerOfKey(ClientKey key) const { return OwnerOfHash(HashWords(key_, key.w0, key.w1)); }

  // Writes the owner of each address, in host order, to `out`, which has the same length.
  void OwnersOfIpv4(std::span<const uint32_t> addresses, uint16_t* out) const;
  // The same for addresses of 16 bytes each, in network order.
  void OwnersOfIpv6(std::span<const uint8_t> addresses, int ipv6_prefix, uint16_t* out) const;

 private:
  // The same for `count` clients. `key_at(index)` returns the key of one.
  template <typename KeyAt>
  void OwnersOf(size_t count, uint16_t* out, KeyAt key_at) const;

  HashKey key_;
  const uint16_t* owners_;
  int shift_;
};

}  // namespace limpet

#endif  // LIMPET_RING_RING_H_
