// HalfSipHash: a keyed 32-bit hash (Aumasson and Bernstein, https://github.com/veorq/SipHash).
// limpet uses it with one round a word and three at the end, "1-3". It spreads clients and authenticates nothing.
#ifndef LIMPET_RING_HASH_H_
#define LIMPET_RING_HASH_H_

#include <cstddef>
#include <cstdint>

namespace limpet {

// The two halves of an 8-byte key.
struct HashKey {
  uint32_t k0;
  uint32_t k1;

  // Reads 8 bytes, each half little-endian.
  static HashKey From(const uint8_t* bytes);
};

// The word that 4 bytes are, little-endian.
constexpr uint32_t WordAt(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
}

// HalfSipHash-c-d of `size` bytes; c rounds for each word, d at the end.
uint32_t HalfSipHash(int c, int d, HashKey key, const uint8_t* bytes, size_t size);

// HalfSipHash-1-3 of `size` bytes.
inline uint32_t Hash32(HashKey key, const uint8_t* bytes, size_t size) { return HalfSipHash(1, 3, key, bytes, size); }

// HalfSipHash-1-3 of the 8 bytes that two little-endian words are.
uint32_t HashWords(HashKey key, uint32_t w0, uint32_t w1);

// How many keys HashBlock hashes.
inline constexpr size_t kHashBlock = 64;

// HashWords of kHashBlock pairs of words at once, in as wide vectors as this processor has.
void HashBlock(HashKey key, const uint32_t* w0, const uint32_t* w1, uint32_t* hashes);

}  // namespace limpet

#endif  // LIMPET_RING_HASH_H_
