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
  // Of the cookie, header (in lower case), or query parameter that holds the key.
  std::string name;
  // kForwarded: whose word is taken, and which header they write.
  std::vector<IpPrefix> trust;
  ForwardedHeader forwarded_header = ForwardedHeader::kEither;
};

enum class ProxyHeaderUse : uint8_t {
  // No PROXY header is looked for: the stream is the worker's as it comes.
  kIgnored,
  // Taken off the stream before the worker gets it.
  kConsumed,
  // Version 2 stays in the stream for a worker that reads it itself; an untrusted one is refused, since that
  // worker would believe it.
  kKept,
};

struct ProxyHeaderPolicy {
  ProxyHeaderUse use = ProxyHeaderUse::kIgnored;
  // A trusted peer may also come without a header.
  bool optional = false;
  std::vector<IpPrefix> trust;
};

// What has been learned of one connection so far; one for each connection that waits, and nothing else is kept.
struct Reading {
  // The socket's own peer at first (`::` for a unix socket's), the real client once a PROXY header told it.
  Endpoint peer;
  bool proxied = false;
  bool proxy_header_done = false;
  uint8_t next_rule = 0;
  // Length of the PROXY header at the start of the stream.
  uint32_t proxy_header_bytes = 0;
  HeadScan head;
};

enum class Outcome : uint8_t { kNeedMore, kAddress, kText, kSlot, kRefused };

struct Decision {
  Outcome outcome = Outcome::kNeedMore;
  Refusal refusal = Refusal::kNone;
  // Which rule of the chain decided.
  uint8_t rule = 0;
  // kAddress: the client key is this address.
  IpAddress address{};
  // kText: the client key is these bytes, in the stream or in the scratch that was given.
  std::string_view text{};
  // kSlot: the client brought a sealed cookie or sid. `generation` only from a sid.
  bool has_generation = false;
  SidPlace place{};
  // Bytes to take off the stream before the worker gets it; final with every outcome but kNeedMore.
  uint32_t consume = 0;
};

// One call's view of a connection.
struct Arrival {
  // All that has arrived and is not taken off the stream; never less than at the call before.
  std::string_view stream;
  // Nothing more will come: what is incomplete is read as no key.
  bool ended = false;
  // Hours since 1970.
  uint32_t hour_now = 0;
};

// Query values that need decoding and are longer than this give no key.
inline constexpr size_t kDecodedKeyBytesMax = 1024;

// The compiled rules of a listener. Immutable after that; any number of threads may read it.
struct AffinityChain {
  // Ends with kAddress, which always yields.
  std::vector<AffinityRule> rules;
  ProxyHeaderPolicy proxy_header;
  CookieSeal cookie;
  SipKey sid_key;
  uint32_t head_bytes_max = 16384;

  // Takes the first rule that yields a client key, reading no further than it takes. For one stream the decision is
  // the same however it arrives; each byte is looked at once while the head is incomplete. Allocates nothing.
  // After a kSlot that the caller cannot serve, calling again goes on with the next rule.
  Decision Decide(Reading& reading, const Arrival& arrival, std::span<char, kDecodedKeyBytesMax> scratch) const;

  // The most bytes that Decide can need to see at once.
  size_t StreamBytesMax() const { return size_t{2} * head_bytes_max; }
};

// A chain that a listener and the threads that read it share.
using SharedChain = std::shared_ptr<const AffinityChain>;

}  // namespace limpet

#endif  // LIMPET_HEAD_AFFINITY_CHAIN_H_
