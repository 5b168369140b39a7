#include "ring/hash.h"

#include <bit>

namespace limpet {

namespace {

struct State {
  uint32_t v0, v1, v2, v3;

  explicit State(HashKey key) : v0(key.k0), v1(key.k1), v2(key.k0 ^ 0x6c796765u), v3(key.k1 ^ 0x74656462u) {}

  inline void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 5) ^ v0;
    v0 = std::rotl(v0, 16);
    v2 += v3;
    v3 = std::rotl(v3, 8) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 7) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 13) ^ v2;
    v2 = std::rotl(v2, 16);
  }

  inline void Take(uint32_t word, int rounds) {
    v3 ^= word;
    for (int i = 0; i < rounds; i++) Round();
    v0 ^= word;
  }

  inline uint32_t Finish(int rounds) {
    v2 ^= 0xff;
    for (int i = 0; i < rounds; i++) Round();
    return v1 ^ v3;
  }
};

// The last word of a message of two words: the message's length, 8 bytes, in the most significant byte.
constexpr uint32_t kTwoWords = 8u << 24;

inline uint32_t HashTwo(HashKey key, uint32_t w0, uint32_t w1) {
  State state(key);
  state.Take(w0, 1);
  state.Take(w1, 1);
  state.Take(kTwoWords, 1);
  return state.Finish(3);
}

inline void HashEach(HashKey key, const uint32_t* w0, const uint32_t* w1, uint32_t* hashes) {
  for (size_t i = 0; i < kHashBlock; i++) hashes[i] = HashTwo(key, w0[i], w1[i]);
}

}  // namespace

HashKey HashKey::From(const uint8_t* bytes) { return {WordAt(bytes), WordAt(bytes + 4)}; }

uint32_t HalfSipHash(int c, int d, HashKey key, const uint8_t* bytes, size_t size) {
  State state(key);
  const uint8_t* const end = bytes + (size & ~size_t{3});
  for (; bytes != end; bytes += 4) state.Take(WordAt(bytes), c);
  uint32_t last = static_cast<uint32_t>(size) << 24;
  for (size_t i = 0; i < (size & 3); i++) last |= uint32_t{end[i]} << (8 * i);
  state.Take(last, c);
  return state.Finish(d);
}

uint32_t HashWords(HashKey key, uint32_t w0, uint32_t w1) { return HashTwo(key, w0, w1); }

// The compiler turns HashEach into vector code. HashEachAvx2 is the same in vectors twice as wide, for processors with AVX2.
// target_clones would choose between them by itself, but musl does not run its resolvers.
#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::target("avx2"), gnu::flatten]] static void HashEachAvx2(HashKey key, const uint32_t* w0, const uint32_t* w1,
                                                               uint32_t* hashes) {
  HashEach(key, w0, w1, hashes);
}

void HashBlock(HashKey key, const uint32_t* w0, const uint32_t* w1, uint32_t* hashes) {
  __builtin_cpu_supports("avx2") ? HashEachAvx2(key, w0, w1, hashes) : HashEach(key, w0, w1, hashes);
}
#else
void HashBlock(HashKey key, const uint32_t* w0, const uint32_t* w1, uint32_t* hashes) {
  HashEach(key, w0, w1, hashes);
}
#endif

}  // namespace limpet
