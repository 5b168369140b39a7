#ifndef LIMPET_HEAD_FORWARDED_H_
#define LIMPET_HEAD_FORWARDED_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "ring/ip_address.h"

namespace limpet {

// The header that has the addresses. A proxy writes one of the two headers, and forwards the other as the client wrote it. So kEither
// takes the header that is present, and gives no key if both are present and differ.
enum class ForwardedHeader : uint8_t { kEither, kXForwardedFor, kForwarded };

// Finds the client that trusted proxies name: the right-most address that is not in `trust`, or the left-most one if all are. The
// caller must check that the peer is trusted. Several lines are one list, in their order. False if no line names an address, or if
// the walk from the right comes to a hop that is `unknown`, obfuscated or no address. Text to the left of the result is never read,
// because a client may have written it.
bool FindForwardedClient(std::string_view complete_head, ForwardedHeader header, std::span<const IpPrefix> trust,
                         IpAddress& client);

// Reads one hop of X-Forwarded-For or RFC 7239 §6: an address, with or without a port. An IPv6 address may have brackets. False for
// `unknown` and obfuscated identifiers.
bool ParseForwardedNode(std::string_view text, IpAddress& address);

}  // namespace limpet

#endif  // LIMPET_HEAD_FORWARDED_H_
