// A stream is given to every chain of rules that reads heads. No access is out of bounds. The decision is the same for the whole stream
// and for portions of it.
#include <vector>

#include "fuzz/fuzz.h"
#include "head/affinity_chain.h"

using namespace limpet;

namespace {

IpPrefix Private() {
  IpPrefix prefix;
  Require(ParseIp("10.0.0.0", prefix.network));
  prefix.bits = 104;
  return prefix;
}

std::vector<AffinityChain> MakeChains() {
  const AffinityRule forwarded = {RuleKind::kForwarded, "", {Private()}, ForwardedHeader::kEither};
  const AffinityRule cookie = {RuleKind::kAffinityCookie, "", {}, ForwardedHeader::kEither};
  const AffinityRule sid = {RuleKind::kSid, "", {}, ForwardedHeader::kEither};
  const AffinityRule named = {RuleKind::kCookie, "user", {}, ForwardedHeader::kEither};
  const AffinityRule header = {RuleKind::kHeader, "x-user", {}, ForwardedHeader::kEither};
  const AffinityRule query = {RuleKind::kQuery, "room", {}, ForwardedHeader::kEither};
  std::vector<AffinityChain> chains;
  for (const auto use : {ProxyHeaderUse::kIgnored, ProxyHeaderUse::kConsumed, ProxyHeaderUse::kKept}) {
    for (const auto& rules : {std::vector{cookie, sid, forwarded}, std::vector{query, header, named}, std::vector{forwarded}}) {
      AffinityChain chain;
      chain.rules = rules;
      chain.rules.push_back({});
      chain.proxy_header = {use, true, {Private()}};
      chain.cookie = {"limpet", "n1", kCookieKey, 168};
      chain.sid_key = kSidKey;
      chains.push_back(chain);
    }
  }
  return chains;
}

Reading Begin() {
  Reading reading;
  Require(ParseIp("10.0.0.1", reading.peer.address));
  return reading;
}

bool Same(const Decision& a, const Decision& b) {
  return a.outcome == b.outcome && a.refusal == b.refusal && a.rule == b.rule && a.address == b.address &&
         a.text == b.text && a.place.slot == b.place.slot && a.place.generation == b.place.generation &&
         a.consume == b.consume;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<AffinityChain> chains = MakeChains();
  const std::string_view stream = Input(data, size);
  const size_t step = size == 0 ? 1 : 1 + data[0] % 64;
  for (const AffinityChain& chain : chains) {
    char scratch[kDecodedKeyBytesMax], other_scratch[kDecodedKeyBytesMax];
    Reading whole = Begin();
    const Decision once = chain.Decide(whole, {stream, false, kHourNow}, scratch);
    Require(once.consume <= size);

    Reading portions = Begin();
    Decision piecewise;
    for (size_t length = 0; piecewise.outcome == Outcome::kNeedMore; length += step) {
      piecewise = chain.Decide(portions, {stream.substr(0, length), false, kHourNow}, other_scratch);
      if (length >= size) break;
    }
    Require(Same(once, piecewise));

    if (once.outcome == Outcome::kNeedMore) {
      Require(chain.Decide(whole, {stream, true, kHourNow}, scratch).outcome != Outcome::kNeedMore);
    }
  }
  return 0;
}
