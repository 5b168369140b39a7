// HalfSipHash: a keyed 32-bit hash (Aumasson and Bernstein, https://github.com/veorq/SipHash).
// limpet uses HalfSipHash-1-3: one round for each word, three at the end. It spreads clients over the ring. It authenticates nothing.
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

// Reads 4 bytes as a little-endian word.
constexpr uint32_t WordAt(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
}

// HalfSipHash-c-d of `size` bytes: c rounds for each word, d rounds at the end.
uint32_t HalfSipHash(int c, int d, HashKey key, const uint8_t* bytes, size_t size);

// HalfSipHash-1-3 of `size` bytes.
inline uint32_t Hash32(HashKey key, const uint8_t* bytes, size_t size) { return HalfSipHash(1, 3, key, bytes, size); }

// HalfSipHash-1-3 of 8 bytes, given as two little-endian words.
uint32_t HashWords(HashKey key, uint32_t w0, uint32_t w1);

// The number of keys that HashBlock hashes.
inline constexpr size_t kHashBlock = 64;

// HashWords of kHashBlock pairs of words at once, in the widest vectors that this processor has.
void HashBlock(HashKey key, const uint32_t* w0, const uint32_t* w1, uint32_t* hashes);

}  // namespace limpet

#endif  // LIMPET_RING_HASH_H_
