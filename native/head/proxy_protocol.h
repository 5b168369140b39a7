#ifndef LIMPET_HEAD_PROXY_PROTOCOL_H_
#define LIMPET_HEAD_PROXY_PROTOCOL_H_

#include <cstdint>
#include <string_view>

#include "ring/ip_address.h"

namespace limpet {

enum class ProxyHeaderShape : uint8_t {
  // The bytes so far may be the start of a header.
  kPartial,
  // The stream does not begin with a PROXY signature.
  kAbsent,
  // A signature is followed by bytes that the specification does not allow.
  kMalformed,
  // Complete, but without an address of the client: LOCAL, UNKNOWN, UNSPEC or a unix-domain socket. The peer is the client.
  kSilent,
  // Complete, with the client in `source`.
  kProxied,
};

struct ProxyHeader {
  ProxyHeaderShape shape = ProxyHeaderShape::kPartial;
  // 1 or 2 once the signature is complete, 0 before.
  uint8_t version = 0;
  // The length of the header in bytes, if `shape` is kSilent or kProxied.
  uint32_t length = 0;
  Endpoint source{};
};

// Reads a PROXY protocol header of version 1 or 2 (specification by Willy Tarreau, 2020) at the start of a stream. A version 2 header
// longer than `length_max` bytes is malformed. TLVs must fit into the header. A CRC32c TLV is verified, others are skipped. The
// result is kPartial only while the header is incomplete. So it does not depend on the portions in which the stream arrives.
ProxyHeader ReadProxyHeader(std::string_view stream, uint32_t length_max);

}  // namespace limpet

#endif  // LIMPET_HEAD_PROXY_PROTOCOL_H_
