#ifndef LIMPET_RING_IP_ADDRESS_H_
#define LIMPET_RING_IP_ADDRESS_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace limpet {

// An IPv4 or IPv6 address in 16 bytes, network order. IPv4 is held IPv4-mapped (::ffff:a.b.c.d), so that one
// address has one form, however it was written and whatever the socket's family.
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

// The network's first `bits` (0 to 128) bits; an IPv4 prefix of length n has n + 96.
struct IpPrefix {
  IpAddress network;
  uint8_t bits = 128;

  bool Contains(const IpAddress& address) const;
};

bool ContainsAny(std::span<const IpPrefix> prefixes, const IpAddress& address);

// Dotted quad: four decimal numbers up to 255 without leading zeros. False leaves `out` undefined.
bool ParseIpv4(std::string_view text, IpAddress& out);

// RFC 4291 §2.2, all three forms, either letter case; no zone, no brackets. False leaves `out` undefined.
bool ParseIpv6(std::string_view text, IpAddress& out);

bool ParseIp(std::string_view text, IpAddress& out);

}  // namespace limpet

#endif  // LIMPET_RING_IP_ADDRESS_H_
