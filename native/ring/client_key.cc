#include "ring/client_key.h"

#include <cstddef>

#include "ring/hash.h"
#include "ring/ip_address.h"

namespace limpet {

namespace {

// `text` without its zone. Empty if the zone is empty or has a character that no zone can have.
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

}  // namespace

ClientKey KeyOfIpv6(const uint8_t* address, int ipv6_prefix) {
  const uint32_t w0 = WordAt(address);
  const uint32_t w1 = WordAt(address + 4);
  if ((w0 | w1) == 0 && WordAt(address + 8) == kMappedWord) return {kMappedWord, WordAt(address + 12)};
  const uint32_t kept = ipv6_prefix == 64 ? ~0u : (1u << (ipv6_prefix - 32)) - 1;
  return {w0, w1 & kept};
}

std::optional<ClientKey> KeyOfText(std::string_view text, int ipv6_prefix) {
  IpAddress address;
  if (!ParseIpv4(text, address) && !ParseIpv6(WithoutZone(text), address)) return std::nullopt;
  return KeyOfIpv6(address.bytes.data(), ipv6_prefix);
}

}  // namespace limpet
