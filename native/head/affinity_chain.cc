#include "head/affinity_chain.h"

#include "head/query_string.h"

namespace limpet {
namespace {

Decision Refuse(Refusal refusal) { return {.outcome = Outcome::kRefused, .refusal = refusal}; }

Decision ByAddress(const IpAddress& address) { return {.outcome = Outcome::kAddress, .address = address}; }

Decision ByText(std::string_view text) { return {.outcome = Outcome::kText, .text = text}; }

// A rule is asked only when it has all bytes that it needs. So kNeedMore as its answer means that there is no key.
constexpr Decision kNoKey = {};

Decision ByAffinityCookie(std::string_view head, const CookieSeal& seal, uint32_t hour_now) {
  HeaderLines lines(head);
  for (HeaderLine line; lines.TakeFirst(line);) {
    if (!line.Is("cookie")) continue;
    for (std::string_view name, value; TakeCookiePair(line.value, name, value);) {
      uint8_t slot = 0;
      if (name != seal.name || !ReadAffinityCookie(value, seal, hour_now, slot)) continue;
      return {.outcome = Outcome::kSlot, .place = {.slot = slot}};
    }
  }
  return kNoKey;
}

Decision ByCookie(std::string_view head, std::string_view wanted) {
  HeaderLines lines(head);
  for (HeaderLine line; lines.TakeFirst(line);) {
    if (!line.Is("cookie")) continue;
    for (std::string_view name, value; TakeCookiePair(line.value, name, value);) {
      if (name == wanted) return value.empty() ? kNoKey : ByText(value);
    }
  }
  return kNoKey;
}

Decision ByHeader(std::string_view head, std::string_view name) {
  std::string_view value;
  bool found = false;
  HeaderLines lines(head);
  for (HeaderLine line; lines.TakeFirst(line);) {
    if (!line.Is(name)) continue;
    if (found) return kNoKey;
    found = true;
    value = line.value;
  }
  return value.empty() ? kNoKey : ByText(value);
}

Decision ByQuery(std::string_view head, std::string_view name, std::span<char> scratch) {
  std::string_view raw, value;
  if (!FindQueryParameter(RequestTarget(head), name, raw)) return kNoKey;
  return DecodeQueryText(raw, scratch, value) ? ByText(value) : kNoKey;
}

Decision BySid(std::string_view head, const SipKey& key) {
  std::string_view sid;
  SidPlace place;
  if (!FindQueryParameter(RequestTarget(head), "sid", sid) || !ReadEngineIoSid(sid, key, place)) return kNoKey;
  return {.outcome = Outcome::kSlot, .has_generation = true, .place = place};
}

bool NeedsHead(const AffinityRule& rule, const Reading& reading) {
  switch (rule.kind) {
    case RuleKind::kAddress:
    case RuleKind::kProxyProtocol:
      return false;
    case RuleKind::kForwarded:
      return ContainsAny(rule.trust, reading.peer.address);
    default:
      return true;
  }
}

Decision AskHead(const AffinityChain& chain, const AffinityRule& rule, std::string_view head, uint32_t hour_now,
                 std::span<char> scratch) {
  switch (rule.kind) {
    case RuleKind::kForwarded: {
      IpAddress client;
      const bool found = FindForwardedClient(head, rule.forwarded_header, rule.trust, client);
      return found ? ByAddress(client) : kNoKey;
    }
    case RuleKind::kAffinityCookie:
      return ByAffinityCookie(head, chain.cookie, hour_now);
    case RuleKind::kSid:
      return BySid(head, chain.sid_key);
    case RuleKind::kCookie:
      return ByCookie(head, rule.name);
    case RuleKind::kHeader:
      return ByHeader(head, rule.name);
    case RuleKind::kQuery:
      return ByQuery(head, rule.name, scratch);
    default:
      return kNoKey;
  }
}

// False if more bytes are needed or the connection is refused. `decision` says which.
bool PassProxyHeader(const ProxyHeaderPolicy& policy, uint32_t bytes_max, Reading& reading, const Arrival& arrival,
                     Decision& decision) {
  if (policy.use == ProxyHeaderUse::kIgnored) return true;
  const bool trusted = ContainsAny(policy.trust, reading.peer.address);
  if (!trusted && policy.use != ProxyHeaderUse::kKept) return true;

  const ProxyHeader header = ReadProxyHeader(arrival.stream, bytes_max);
  const bool partial = header.shape == ProxyHeaderShape::kPartial;
  if (!trusted) {
    if (header.version == 2) decision = Refuse(Refusal::kProxyHeaderUntrusted);
    return header.version == 1 || header.shape == ProxyHeaderShape::kAbsent || (partial && arrival.ended);
  }
  if (partial && !arrival.ended) return false;
  if (header.shape == ProxyHeaderShape::kAbsent || (partial && header.version == 0)) {
    if (!policy.optional) decision = Refuse(Refusal::kProxyHeaderMissing);
    return policy.optional;
  }
  const bool unwanted = policy.use == ProxyHeaderUse::kKept && header.version == 1;
  if (partial || unwanted || header.shape == ProxyHeaderShape::kMalformed) {
    decision = Refuse(Refusal::kProxyHeaderMalformed);
    return false;
  }
  reading.proxy_header_bytes = header.length;
  if (header.shape == ProxyHeaderShape::kProxied) {
    reading.proxied = true;
    reading.peer = header.source;
  }
  return true;
}

}  // namespace

Decision AffinityChain::Decide(Reading& reading, const Arrival& arrival,
                               std::span<char, kDecodedKeyBytesMax> scratch) const {
  if (!reading.proxy_header_done) {
    Decision decision;
    if (!PassProxyHeader(proxy_header, head_bytes_max, reading, arrival, decision)) return decision;
    reading.proxy_header_done = true;
  }
  for (; reading.next_rule < rules.size(); ++reading.next_rule) {
    const AffinityRule& rule = rules[reading.next_rule];
    Decision decision;
    if (rule.kind == RuleKind::kAddress || (rule.kind == RuleKind::kProxyProtocol && reading.proxied)) {
      decision = ByAddress(reading.peer.address);
    } else if (NeedsHead(rule, reading)) {
      const std::string_view head = arrival.stream.substr(reading.proxy_header_bytes, head_bytes_max);
      const HeadShape shape = reading.head.Scan(head);
      if (shape == HeadShape::kPartial && !arrival.ended) {
        return head.size() < head_bytes_max ? Decision{} : Refuse(Refusal::kHeadTooLarge);
      }
      if (shape != HeadShape::kComplete) continue;
      decision = AskHead(*this, rule, head.substr(0, reading.head.scanned), arrival.hour_now, scratch);
    }
    if (decision.outcome == Outcome::kNeedMore) continue;
    decision.rule = reading.next_rule++;
    if (proxy_header.use == ProxyHeaderUse::kConsumed) decision.consume = reading.proxy_header_bytes;
    return decision;
  }
  return Refuse(Refusal::kNone);
}

}  // namespace limpet
