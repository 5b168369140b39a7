// HalfSipHash: a keyed 32-bit hash (Aumasson and Bernstein, https://github.com/veorq/SipHash).
// limpet uses it with one round a word and three at the end. It spreads clients and authenticates nothing.
#ifndef LIMPET_HASH_H_
#define LIMPET_HASH_H_

#include <cstddef>
#include <cstdint>

namespace limpet {

// The two halves of an 8-byte key, each little-endian.
struct HashKey {
  uint32_t k0;
  uint32_t k1;

  // Reads 8 bytes.
  static HashKey From(const uint8_t* bytes);
};

// The state between two words. Lane is uint32_t, or a vector of them that hashes as many keys at once.
template <typename Lane>
struct HalfSip {
  Lane v0, v1, v2, v3;

  static inline HalfSip Start(HashKey key) {
    return {Lane{} + key.k0, Lane{} + key.k1, Lane{} + (key.k0 ^ 0x6c796765u), Lane{} + (key.k1 ^ 0x74656462u)};
  }

  inline void Round() {
    v0 += v1;
    v1 = Rotate(v1, 5) ^ v0;
    v0 = Rotate(v0, 16);
    v2 += v3;
    v3 = Rotate(v3, 8) ^ v2;
    v0 += v3;
    v3 = Rotate(v3, 7) ^ v0;
    v2 += v1;
    v1 = Rotate(v1, 13) ^ v2;
    v2 = Rotate(v2, 16);
  }

  inline void Take(Lane word, int rounds = 1) {
    v3 ^= word;
    for (int i = 0; i < rounds; i++) Round();
    v0 ^= word;
  }

  inline Lane Finish(int rounds = 3) {
    v2 ^= 0xffu;
    for (int i = 0; i < rounds; i++) Round();
    return v1 ^ v3;
  }

  static inline Lane Rotate(Lane lane, int bits) { return (lane << bits) | (lane >> (32 - bits)); }
};

// HalfSipHash-c-d of `size` bytes; c rounds for each word, d at the end.
uint32_t HalfSipHash(int c, int d, HashKey key, const uint8_t* bytes, size_t size);

// HalfSipHash-1-3 of `size` bytes.
inline uint32_t Hash32(HashKey key, const uint8_t* bytes, size_t size) { return HalfSipHash(1, 3, key, bytes, size); }

// HalfSipHash-1-3 of the 8 bytes that two little-endian words are.
inline uint32_t HashWords(HashKey key, uint32_t w0, uint32_t w1) {
  auto state = HalfSip<uint32_t>::Start(key);
  state.Take(w0);
  state.Take(w1);
  state.Take(8u << 24);
  return state.Finish();
}

}  // namespace limpet

#endif  // LIMPET_HASH_H_
