// The ring: a table of buckets, each with a home slot, and a table of who owns each bucket now.
// src/binding/typescript/ring.ts says how homes are built and owners found, and why; this computes the same, bit for bit.
#ifndef LIMPET_RING_RING_H_
#define LIMPET_RING_RING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ring/client_key.h"
#include "ring/hash.h"

namespace limpet {

// The owner of a bucket when no slot is live.
inline constexpr uint16_t kNoSlot = 0xffff;

// The home of every bucket, for slots of these weights (above 0), which joined in order.
void BuildHomes(std::span<const double> weights, std::span<uint16_t> homes);

// Rewrites `homes` after `slot`, which owns nothing yet, joined. Only it gains. An empty seat has weight 0.
void JoinHomes(std::span<const double> weights, size_t slot, std::span<uint16_t> homes);

// Rewrites `homes` after `slot`, whose weight is 0 now, left. Only its buckets move.
void LeaveHomes(std::span<const double> weights, size_t slot, std::span<uint16_t> homes);

// Writes to `owners` who serves each bucket while the slots with a nonzero `down` do not.
void AssignOwners(std::span<const uint16_t> homes, std::span<const double> weights, std::span<const uint8_t> down,
                  std::span<uint16_t> owners);

// Who serves this bucket while the slots with a nonzero `down` do not; kNoSlot when nobody does.
uint16_t OwnerOfBucket(uint32_t bucket, uint16_t home, std::span<const double> weights, std::span<const uint8_t> down);

// Looks clients up in a table of owners. Owns nothing: the table, of a power of two of buckets, 2 to 65,536, must
// outlive it, and may be rewritten between two lookups.
class RingView {
 public:
  RingView(HashKey key, std::span<const uint16_t> owners);

  uint16_t OwnerOfHash(uint32_t hash) const { return owners_[hash >> shift_]; }
  uint16_t OwnerOfKey(ClientKey key) const { return OwnerOfHash(HashWords(key_, key.w0, key.w1)); }

  // The owners of `addresses`, host order, written to `out`, of the same length.
  void OwnersOfIpv4(std::span<const uint32_t> addresses, uint16_t* out) const;
  // The owners of addresses of 16 bytes each.
  void OwnersOfIpv6(std::span<const uint8_t> addresses, int ipv6_prefix, uint16_t* out) const;

 private:
  // The owners of `count` clients whose keys `key_at(index)` gives.
  template <typename KeyAt>
  void OwnersOf(size_t count, uint16_t* out, KeyAt key_at) const;

  HashKey key_;
  const uint16_t* owners_;
  int shift_;
};

}  // namespace limpet

#endif  // LIMPET_RING_RING_H_
