#include "ring/ip_address.h"

#include <cstring>

#include "ring/digits.h"

namespace limpet {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

bool IpAddress::IsIpv4() const { return std::memcmp(bytes.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0; }

bool IpPrefix::Contains(const IpAddress& address) const {
  const size_t whole = bits / 8;
  if (std::memcmp(network.bytes.data(), address.bytes.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((network.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
}

bool ContainsAny(std::span<const IpPrefix> prefixes, const IpAddress& address) {
  for (const IpPrefix& prefix : prefixes) {
    if (prefix.Contains(address)) return true;
  }
  return false;
}

bool ParseIpv4(std::string_view text, IpAddress& out) {
  std::memcpy(out.bytes.data(), kMappedPrefix.data(), kMappedPrefix.size());
  for (size_t part = 0; part < 4; ++part) {
    const size_t dot = part < 3 ? text.find('.') : text.size();
    uint32_t number = 0;
    if (dot == std::string_view::npos || !ParseDecimal(text.substr(0, dot), 255, number)) return false;
    out.bytes[12 + part] = static_cast<uint8_t>(number);
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return true;
}

bool ParseIpv6(std::string_view text, IpAddress& out) {
  size_t length = 0;
  size_t gap = out.bytes.size() + 1;
  const auto set_gap = [&] {
    if (gap <= out.bytes.size()) return false;
    gap = length;
    return true;
  };
  if (text.starts_with("::")) {
    text.remove_prefix(2);
    set_gap();
  }
  while (!text.empty()) {
    if (length == out.bytes.size()) return false;
    if (text.find(':') == std::string_view::npos && text.find('.') != std::string_view::npos) {
      IpAddress quad;
      if (length > 12 || !ParseIpv4(text, quad)) return false;
      std::memcpy(&out.bytes[length], &quad.bytes[12], 4);
      length += 4;
      break;
    }
    uint32_t group = 0;
    size_t digits = 0;
    for (; digits < text.size() && text[digits] != ':'; ++digits) {
      const int digit = HexDigit(text[digits]);
      if (digit < 0 || digits == 4) return false;
      group = group << 4 | static_cast<uint32_t>(digit);
    }
    if (digits == 0) return false;
    out.bytes[length++] = static_cast<uint8_t>(group >> 8);
    out.bytes[length++] = static_cast<uint8_t>(group);
    text.remove_prefix(digits);
    if (text.starts_with("::")) {
      text.remove_prefix(2);
      if (!set_gap()) return false;
    } else if (!text.empty()) {
      text.remove_prefix(1);
      if (text.empty()) return false;
    }
  }
  if (gap > out.bytes.size()) return length == out.bytes.size();
  if (length == out.bytes.size()) return false;
  const size_t tail = length - gap;
  std::memmove(&out.bytes[out.bytes.size() - tail], &out.bytes[gap], tail);
  std::memset(&out.bytes[gap], 0, out.bytes.size() - length);
  return true;
}

bool ParseIp(std::string_view text, IpAddress& out) { return ParseIpv4(text, out) || ParseIpv6(text, out); }

}  // namespace limpet
