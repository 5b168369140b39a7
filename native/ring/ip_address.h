#ifndef LIMPET_RING_IP_ADDRESS_H_
#define LIMPET_RING_IP_ADDRESS_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace limpet {

// An IPv4 or IPv6 address in 16 bytes, in network order. An IPv4 address is IPv4-mapped (::ffff:a.b.c.d). So each address has one
// form, whatever its text and the family of its socket.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  bool operator==(const IpAddress&) const = default;
  bool IsIpv4() const;
};

// The far end of a connection.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
};

// All addresses whose first `bits` bits (0 to 128) are those of `network`. For an IPv4 prefix of length n, `bits` is n + 96.
struct IpPrefix {
  IpAddress network;
  uint8_t bits = 128;

  bool Contains(const IpAddress& address) const;
};

bool ContainsAny(std::span<const IpPrefix> prefixes, const IpAddress& address);

// Reads a dotted quad: four decimal numbers up to 255 without leading zeros. On false `out` is undefined.
bool ParseIpv4(std::string_view text, IpAddress& out);

// Reads the three forms of RFC 4291 §2.2 in either letter case, without zone or brackets. On false `out` is undefined.
bool ParseIpv6(std::string_view text, IpAddress& out);

// Reads either form. On false `out` is undefined.
bool ParseIp(std::string_view text, IpAddress& out);

}  // namespace limpet

#endif  // LIMPET_RING_IP_ADDRESS_H_
