#ifndef LIMPET_HEAD_AFFINITY_CHAIN_H_
#define LIMPET_HEAD_AFFINITY_CHAIN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "head/affinity_cookie.h"
#include "head/engine_io_sid.h"
#include "head/forwarded.h"
#include "head/proxy_protocol.h"
#include "head/refusal.h"
#include "head/request_head.h"
#include "ring/ip_address.h"

namespace limpet {

enum class RuleKind : uint8_t {
  kAddress,
  kProxyProtocol,
  kForwarded,
  kAffinityCookie,
  kSid,
  kCookie,
  kHeader,
  kQuery,
};

struct AffinityRule {
  RuleKind kind = RuleKind::kAddress;
  // The name of the cookie, header (in lower case) or query parameter that holds the key.
  std::string name;
  // kForwarded: the proxies that are trusted, and the header that they write.
  std::vector<IpPrefix> trust;
  ForwardedHeader forwarded_header = ForwardedHeader::kEither;
};

enum class ProxyHeaderUse : uint8_t {
  // A PROXY header is not looked for. The worker gets the stream as it is.
  kIgnored,
  // It is taken off the stream before the worker gets the connection.
  kConsumed,
  // A version 2 header stays in the stream, for a worker that reads it itself. It is refused from a peer that is not trusted, because
  // the worker would believe it.
  kKept,
};

struct ProxyHeaderPolicy {
  ProxyHeaderUse use = ProxyHeaderUse::kIgnored;
  // A trusted peer may also connect without a header.
  bool optional = false;
  std::vector<IpPrefix> trust;
};

// The state of the rules for one connection. Nothing else is kept for a connection that waits.
struct Reading {
  // At first the peer of the socket (`::` for a unix-domain socket), then the client that a PROXY header names.
  Endpoint peer;
  bool proxied = false;
  bool proxy_header_done = false;
  uint8_t next_rule = 0;
  // The length of the PROXY header at the start of the stream.
  uint32_t proxy_header_bytes = 0;
  HeadScan head;
};

enum class Outcome : uint8_t { kNeedMore, kAddress, kText, kSlot, kRefused };

struct Decision {
  Outcome outcome = Outcome::kNeedMore;
  Refusal refusal = Refusal::kNone;
  // The index of the rule that decided.
  uint8_t rule = 0;
  // kAddress: the client key is this address.
  IpAddress address{};
  // kText: the client key is these bytes, in the stream or in the caller's scratch memory.
  std::string_view text{};
  // kSlot: a sealed cookie or sid of the client names this slot. Only a sid names a `generation`.
  bool has_generation = false;
  SidPlace place{};
  // How many bytes to take off the stream before the worker gets the connection. Not valid with kNeedMore.
  uint32_t consume = 0;
};

// The part of a connection that a call of Decide sees.
struct Arrival {
  // All bytes that have arrived and were not taken off the stream. Never fewer than in the call before.
  std::string_view stream;
  // No more bytes will arrive. An incomplete head gives no key.
  bool ended = false;
  // Hours since 1970.
  uint32_t hour_now = 0;
};

// A query value that needs decoding and has more bytes than this gives no key.
inline constexpr size_t kDecodedKeyBytesMax = 1024;

// The compiled rules of a listener. Immutable once compiled, so any number of threads may read it.
struct AffinityChain {
  // The last rule is kAddress, which always gives a key.
  std::vector<AffinityRule> rules;
  ProxyHeaderPolicy proxy_header;
  CookieSeal cookie;
  SipKey sid_key;
  uint32_t head_bytes_max = 16384;

  // The first rule that gives a client key decides. The stream is read only as far as that rule needs. The decision does not depend
  // on the portions in which the stream arrives. While the head is incomplete, each byte is read once. Allocates nothing.
  // If the caller cannot use the slot of a kSlot, another call continues with the next rule.
  Decision Decide(Reading& reading, const Arrival& arrival, std::span<char, kDecodedKeyBytesMax> scratch) const;

  // The most bytes that Decide needs to see at once.
  size_t StreamBytesMax() const { return size_t{2} * head_bytes_max; }
};

// A chain that a listener and the threads that read it share.
using SharedChain = std::shared_ptr<const AffinityChain>;

}  // namespace limpet

#endif  // LIMPET_HEAD_AFFINITY_CHAIN_H_
