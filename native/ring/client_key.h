// The client key of an address. It has 8 bytes for both families. The key of an IPv4 address is 00 00 FF FF a b c d. The key of an
// IPv6 address is its first `ipv6_prefix` bits (32, 48, 56 or 64), then zeros. ::ffff:a.b.c.d is IPv4.
#ifndef LIMPET_RING_CLIENT_KEY_H_
#define LIMPET_RING_CLIENT_KEY_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace limpet {

// The key as two little-endian words. The hash takes it in this form.
struct ClientKey {
  uint32_t w0;
  uint32_t w1;

  friend bool operator==(const ClientKey&, const ClientKey&) = default;
};

// The first word of every IPv4 key: 00 00 FF FF.
inline constexpr uint32_t kMappedWord = 0xffff0000u;

// The word with its bytes in reverse order.
constexpr uint32_t SwapBytes(uint32_t word) {
  return word >> 24 | (word >> 8 & 0xff00u) | (word << 8 & 0xff0000u) | word << 24;
}

// `address` in host order: the first octet is the most significant byte.
inline ClientKey KeyOfIpv4(uint32_t address) { return {kMappedWord, SwapBytes(address)}; }

// `address` is 16 bytes in network order.
ClientKey KeyOfIpv6(const uint8_t* address, int ipv6_prefix);

// The key of an address in text: a dotted quad without leading zeros, or a form of RFC 4291 §2.2. An IPv6 address may have a %zone,
// which is ignored. No key for anything else, such as brackets, ports, spaces or shortened quads.
std::optional<ClientKey> KeyOfText(std::string_view text, int ipv6_prefix);

}  // namespace limpet

#endif  // LIMPET_RING_CLIENT_KEY_H_
