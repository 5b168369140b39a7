#ifndef LIMPET_RING_SIPHASH_H_
#define LIMPET_RING_SIPHASH_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace limpet {

// A 128-bit key as two little-endian words.
struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

SipKey LoadSipKey(std::span<const uint8_t, 16> bytes);

// SipHash-2-4 with a 64-bit result (Aumasson and Bernstein, 2012): a MAC for short texts under a key that clients do not know.
// Compare whole tags as integers, because that takes the same time whichever bits differ.
uint64_t SipHash24(const SipKey& key, std::string_view message);

}  // namespace limpet

#endif  // LIMPET_RING_SIPHASH_H_
