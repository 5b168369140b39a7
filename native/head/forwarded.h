#ifndef LIMPET_HEAD_FORWARDED_H_
#define LIMPET_HEAD_FORWARDED_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "ring/ip_address.h"

namespace limpet {

// Which header tells the addresses. A proxy writes one of them and passes on the other as the client wrote it, so
// kEither takes whichever is there, and nothing when both are there and do not agree.
enum class ForwardedHeader : uint8_t { kEither, kXForwardedFor, kForwarded };

// The client as trusted proxies tell it: the right-most address that is not in `trust`, or the left-most when
// all are. The peer itself must be trusted already: that is the caller's to check. Several lines count as one
// list in their order. False, and no key, when no line tells, or when the hop in question is `unknown`,
// obfuscated or no address: nothing to the left of it can be believed. What stands to its left is never read.
bool FindForwardedClient(std::string_view complete_head, ForwardedHeader header, std::span<const IpPrefix> trust,
                         IpAddress& client);

// A hop as X-Forwarded-For and RFC 7239 §6 write it: an address, IPv6 with or without brackets, a port after it
// or none. False for `unknown` and obfuscated identifiers.
bool ParseForwardedNode(std::string_view text, IpAddress& address);

}  // namespace limpet

#endif  // LIMPET_HEAD_FORWARDED_H_
