#ifndef LIMPET_HEAD_PROXY_PROTOCOL_H_
#define LIMPET_HEAD_PROXY_PROTOCOL_H_

#include <cstdint>
#include <string_view>

#include "ring/ip_address.h"

namespace limpet {

enum class ProxyHeaderShape : uint8_t {
  // The bytes so far may still become a header.
  kPartial,
  // The stream does not begin with a PROXY signature.
  kAbsent,
  // A signature, and then something that the specification does not allow.
  kMalformed,
  // Complete, and says nothing about the client: LOCAL, UNKNOWN, UNSPEC, a unix socket. The peer is the client.
  kSilent,
  // Complete, with `source`.
  kProxied,
};

struct ProxyHeader {
  ProxyHeaderShape shape = ProxyHeaderShape::kPartial;
  // 1 or 2 once the signature is whole.
  uint8_t version = 0;
  // Bytes of the header at the start of the stream, where `shape` is kSilent or kProxied.
  uint32_t length = 0;
  Endpoint source{};
};

// Reads a PROXY protocol header, version 1 or 2 (the specification by Willy Tarreau, 2020), at the start of a
// stream. A version 2 header longer than `length_max` bytes is malformed. TLVs must fit; a CRC32c among them is
// verified; all others are skipped. Answers kPartial only while the header is incomplete, so for one stream
// the answer does not depend on how it arrives.
ProxyHeader ReadProxyHeader(std::string_view stream, uint32_t length_max);

}  // namespace limpet

#endif  // LIMPET_HEAD_PROXY_PROTOCOL_H_
