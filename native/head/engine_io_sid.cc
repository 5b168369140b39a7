#include "head/engine_io_sid.h"

#include <array>

namespace limpet {
namespace {

constexpr size_t kSidCharacters = 20;
constexpr size_t kSealedBytes = 10;
constexpr size_t kSidBytes = 15;

int Base64UrlDigit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

}  // namespace

bool ReadEngineIoSid(std::string_view sid, const SipKey& key, SidPlace& place) {
  if (sid.size() != kSidCharacters) return false;
  std::array<char, kSidBytes> bytes;
  for (size_t at = 0; at < kSidCharacters / 4; ++at) {
    uint32_t word = 0;
    for (size_t i = 0; i < 4; ++i) {
      const int digit = Base64UrlDigit(sid[4 * at + i]);
      if (digit < 0) return false;
      word = word << 6 | static_cast<uint32_t>(digit);
    }
    bytes[3 * at] = static_cast<char>(word >> 16);
    bytes[3 * at + 1] = static_cast<char>(word >> 8);
    bytes[3 * at + 2] = static_cast<char>(word);
  }
  uint64_t tag = 0;
  for (size_t i = kSidBytes; i > kSealedBytes; --i) tag = tag << 8 | static_cast<uint8_t>(bytes[i - 1]);
  if ((SipHash24(key, {bytes.data(), kSealedBytes}) & 0xffffffffff) != tag) return false;
  place = {static_cast<uint8_t>(bytes[8]), static_cast<uint8_t>(bytes[9])};
  return true;
}

}  // namespace limpet
