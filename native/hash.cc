#include "hash.h"

namespace limpet {

namespace {

uint32_t WordAt(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

}  // namespace

HashKey HashKey::From(const uint8_t* bytes) { return {WordAt(bytes), WordAt(bytes + 4)}; }

uint32_t HalfSipHash(int c, int d, HashKey key, const uint8_t* bytes, size_t size) {
  auto state = HalfSip<uint32_t>::Start(key);
  const uint8_t* const end = bytes + (size & ~size_t{3});
  for (; bytes != end; bytes += 4) state.Take(WordAt(bytes), c);
  uint32_t last = static_cast<uint32_t>(size) << 24;
  for (size_t i = 0; i < (size & 3); i++) last |= static_cast<uint32_t>(end[i]) << (8 * i);
  state.Take(last, c);
  return state.Finish(d);
}

}  // namespace limpet
