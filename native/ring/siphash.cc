#include "ring/siphash.h"

#include <bit>

namespace limpet {
namespace {

uint64_t LoadLittleEndian(const char* bytes, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; ++i) word |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return word;
}

struct State {
  uint64_t v0, v1, v2, v3;

  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }

  void Absorb(uint64_t word) {
    v3 ^= word;
    Rounds(2);
    v0 ^= word;
  }
};

}  // namespace

SipKey LoadSipKey(std::span<const uint8_t, 16> bytes) {
  const char* chars = reinterpret_cast<const char*>(bytes.data());
  return {LoadLittleEndian(chars, 8), LoadLittleEndian(chars + 8, 8)};
}

uint64_t SipHash24(const SipKey& key, std::string_view message) {
  State state{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d, key.low ^ 0x6c7967656e657261,
              key.high ^ 0x7465646279746573};
  const size_t tail = message.size() % 8;
  const size_t whole = message.size() - tail;
  for (size_t at = 0; at < whole; at += 8) state.Absorb(LoadLittleEndian(message.data() + at, 8));
  state.Absorb(LoadLittleEndian(message.data() + whole, tail) | static_cast<uint64_t>(message.size()) << 56);
  state.v2 ^= 0xff;
  state.Rounds(4);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace limpet
