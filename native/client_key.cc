#include "client_key.h"

#include <cstddef>
#include <cstring>

namespace limpet {

namespace {

uint32_t WordAt(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

// A dotted quad that is the whole of `text`, in host order.
std::optional<uint32_t> ReadQuad(std::string_view text) {
  uint32_t quad = 0;
  uint32_t octet = 0;
  int digits = 0;
  int dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || dots == 3) return std::nullopt;
      quad = quad << 8 | octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    if (c < '0' || c > '9' || (digits > 0 && octet == 0)) return std::nullopt;
    octet = octet * 10 + static_cast<uint32_t>(c - '0');
    digits++;
    if (octet > 255) return std::nullopt;
  }
  if (digits == 0 || dots != 3) return std::nullopt;
  return quad << 8 | octet;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `text` without its zone; empty when the zone is empty or holds what no zone can.
std::string_view WithoutZone(std::string_view text) {
  const size_t percent = text.find('%');
  if (percent == std::string_view::npos) return text;
  const std::string_view zone = text.substr(percent + 1);
  if (zone.empty()) return {};
  for (const char c : zone) {
    if (c <= ' ' || c >= 0x7f || c == '%') return {};
  }
  return text.substr(0, percent);
}

bool ReadIpv6(std::string_view text, uint8_t* address) {
  size_t filled = 0;
  std::optional<size_t> gap;
  size_t at = 0;
  if (text.size() < 2) return false;
  if (text[0] == ':') {
    if (text[1] != ':') return false;
    gap = 0;
    at = 2;
  }
  while (at < text.size()) {
    if (filled == 16) return false;
    const size_t start = at;
    unsigned group = 0;
    for (; at < text.size() && HexDigit(text[at]) >= 0; at++) {
      if (at - start == 4) return false;
      group = group << 4 | static_cast<unsigned>(HexDigit(text[at]));
    }
    if (at < text.size() && text[at] == '.') {
      const auto quad = ReadQuad(text.substr(start));
      if (!quad || filled > 12) return false;
      for (int shift = 24; shift >= 0; shift -= 8) address[filled++] = static_cast<uint8_t>(*quad >> shift);
      break;
    }
    if (at == start) return false;
    address[filled++] = static_cast<uint8_t>(group >> 8);
    address[filled++] = static_cast<uint8_t>(group);
    if (at == text.size()) break;
    if (text[at] != ':' || ++at == text.size()) return false;
    if (text[at] == ':') {
      if (gap) return false;
      gap = filled;
      at++;
    }
  }
  if (!gap) return filled == 16;
  if (filled == 16) return false;
  const size_t tail = filled - *gap;
  std::memmove(address + 16 - tail, address + *gap, tail);
  std::memset(address + *gap, 0, 16 - filled);
  return true;
}

}  // namespace

ClientKey KeyOfIpv6(const uint8_t* address, int ipv6_prefix) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(address, kMapped, sizeof kMapped) == 0) return {kMappedWord, WordAt(address + 12)};
  const uint32_t kept = ipv6_prefix == 64 ? ~0u : (1u << (ipv6_prefix - 32)) - 1;
  return {WordAt(address), WordAt(address + 4) & kept};
}

std::optional<ClientKey> KeyOfText(std::string_view text, int ipv6_prefix) {
  if (const auto quad = ReadQuad(text)) return KeyOfIpv4(*quad);
  uint8_t address[16];
  if (!ReadIpv6(WithoutZone(text), address)) return std::nullopt;
  return KeyOfIpv6(address, ipv6_prefix);
}

}  // namespace limpet
