// exports.head. src/binding/typescript/head-calls.ts has its types and the TypeScript implementation.
#include <napi.h>

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#include "head/affinity_chain.h"
#include "node_api/compiled_chain.h"
#include "node_api/init.h"

namespace limpet {

namespace {

// A Reading is kept in an ArrayBuffer, which runs no destructor.
static_assert(std::is_trivially_destructible_v<Reading>);

using Bytes = Napi::TypedArrayOf<uint8_t>;

std::string_view View(const Napi::Value& value) {
  const auto bytes = value.As<Bytes>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ElementLength()};
}

Napi::Value Copy(Napi::Env env, std::string_view bytes) {
  auto copy = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(copy.Data(), bytes.data(), bytes.size());
  return copy;
}

Napi::Value Copy(Napi::Env env, const IpAddress& address) {
  return Copy(env, {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
}

IpAddress AddressOf(std::string_view bytes) {
  IpAddress address;
  std::memcpy(address.bytes.data(), bytes.data(), address.bytes.size());
  return address;
}

SipKey KeyOf(const Napi::Value& value) {
  return LoadSipKey(std::span<const uint8_t, 16>(value.As<Bytes>().Data(), 16));
}

std::string Text(const Napi::Object& object, const char* name) { return object.Get(name).ToString(); }

std::vector<IpPrefix> PrefixesOf(const Napi::Value& value) {
  constexpr size_t kPacked = 17;
  std::vector<IpPrefix> prefixes;
  for (std::string_view packed = View(value); packed.size() >= kPacked; packed.remove_prefix(kPacked)) {
    prefixes.push_back({AddressOf(packed), static_cast<uint8_t>(packed[kPacked - 1])});
  }
  return prefixes;
}

CookieSeal SealOf(const Napi::Object& seal) {
  return {Text(seal, "name"), Text(seal, "node"), KeyOf(seal.Get("key")), seal.Get("hoursMax").ToNumber()};
}

RuleKind KindOf(std::string_view kind) {
  if (kind == "proxy-protocol") return RuleKind::kProxyProtocol;
  if (kind == "forwarded") return RuleKind::kForwarded;
  if (kind == "affinity-cookie") return RuleKind::kAffinityCookie;
  if (kind == "sid") return RuleKind::kSid;
  if (kind == "cookie") return RuleKind::kCookie;
  if (kind == "header") return RuleKind::kHeader;
  if (kind == "query") return RuleKind::kQuery;
  return RuleKind::kAddress;
}

AffinityRule RuleOf(const Napi::Object& object) {
  AffinityRule rule;
  rule.kind = KindOf(Text(object, "kind"));
  if (rule.kind == RuleKind::kForwarded) {
    const std::string header = Text(object, "header");
    rule.trust = PrefixesOf(object.Get("trust"));
    rule.forwarded_header = header == "either"      ? ForwardedHeader::kEither
                            : header == "forwarded" ? ForwardedHeader::kForwarded
                                                    : ForwardedHeader::kXForwardedFor;
  } else if (object.Has("name")) {
    rule.name = Text(object, "name");
  }
  return rule;
}

Napi::Value Compile(const Napi::CallbackInfo& info) {
  const auto given = info[0].As<Napi::Object>();
  auto chain = std::make_shared<AffinityChain>();
  const auto rules = given.Get("rules").As<Napi::Array>();
  for (uint32_t i = 0; i < rules.Length(); i++) chain->rules.push_back(RuleOf(rules.Get(i).As<Napi::Object>()));
  const auto policy = given.Get("proxyHeader").As<Napi::Object>();
  const std::string use = Text(policy, "use");
  chain->proxy_header = {use == "kept"       ? ProxyHeaderUse::kKept
                         : use == "consumed" ? ProxyHeaderUse::kConsumed
                                             : ProxyHeaderUse::kIgnored,
                         policy.Get("optional").ToBoolean(), PrefixesOf(policy.Get("trust"))};
  chain->cookie = SealOf(given.Get("cookie").As<Napi::Object>());
  chain->sid_key = KeyOf(given.Get("sidKey"));
  chain->head_bytes_max = given.Get("headBytesMax").ToNumber();
  return WrapChain(info.Env(), std::move(chain));
}

Reading& ReadingOf(const Napi::Value& value) { return *static_cast<Reading*>(value.As<Napi::ArrayBuffer>().Data()); }

Napi::Value Begin(const Napi::CallbackInfo& info) {
  auto memory = Napi::ArrayBuffer::New(info.Env(), sizeof(Reading));
  auto* reading = new (memory.Data()) Reading();
  reading->peer = {AddressOf(View(info[0])), static_cast<uint16_t>(info[1].ToNumber().Uint32Value())};
  return memory;
}

Napi::Value Describe(Napi::Env env, const Decision& decision) {
  auto object = Napi::Object::New(env);
  if (decision.outcome == Outcome::kNeedMore) {
    object["outcome"] = "need-more";
    return object;
  }
  if (decision.outcome == Outcome::kRefused) {
    object["outcome"] = "refused";
    object["refusal"] = std::string(RefusalName(decision.refusal));
    return object;
  }
  object["rule"] = decision.rule;
  object["consume"] = decision.consume;
  if (decision.outcome == Outcome::kAddress) {
    object["outcome"] = "address";
    object["address"] = Copy(env, decision.address);
  } else if (decision.outcome == Outcome::kText) {
    object["outcome"] = "text";
    object["text"] = Copy(env, decision.text);
  } else {
    object["outcome"] = "slot";
    object["slot"] = decision.place.slot;
    if (decision.has_generation) object["generation"] = decision.place.generation;
  }
  return object;
}

Napi::Value Decide(const Napi::CallbackInfo& info) {
  char scratch[kDecodedKeyBytesMax];
  const Arrival arrival{View(info[2]), info[3].ToBoolean(), info[4].ToNumber()};
  return Describe(info.Env(), UnwrapChain(info[0])->Decide(ReadingOf(info[1]), arrival, scratch));
}

Napi::Value Proxied(const Napi::CallbackInfo& info) {
  const Reading& reading = ReadingOf(info[0]);
  if (!reading.proxied) return info.Env().Undefined();
  auto object = Napi::Object::New(info.Env());
  object["address"] = Copy(info.Env(), reading.peer.address);
  object["port"] = reading.peer.port;
  return object;
}

Napi::Value SipHash24Of(const Napi::CallbackInfo& info) {
  const uint64_t hash = SipHash24(KeyOf(info[0]), View(info[1]));
  auto bytes = Napi::Uint8Array::New(info.Env(), 8);
  for (unsigned i = 0; i < 8; i++) bytes[i] = static_cast<uint8_t>(hash >> (8 * i));
  return bytes;
}

Napi::Value ReadAffinityCookieOf(const Napi::CallbackInfo& info) {
  const std::string value = info[0].ToString();
  uint8_t slot = 0;
  const bool ours = ReadAffinityCookie(value, SealOf(info[1].As<Napi::Object>()), info[2].ToNumber(), slot);
  return ours ? Napi::Number::New(info.Env(), slot) : info.Env().Undefined();
}

Napi::Value ParseAddress(const Napi::CallbackInfo& info) {
  const std::string text = info[0].ToString();
  IpAddress address;
  return ParseIp(text, address) ? Copy(info.Env(), address) : info.Env().Undefined();
}

Napi::Value RefusalAnswerOf(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString();
  for (uint8_t i = 0; i < kRefusalCount; i++) {
    const auto refusal = static_cast<Refusal>(i);
    if (RefusalName(refusal) == name) return Napi::String::New(info.Env(), std::string(RefusalAnswer(refusal)));
  }
  return Napi::String::New(info.Env(), "");
}

}  // namespace

void InitHead(Napi::Env env, Napi::Object exports) {
  auto head = Napi::Object::New(env);
  head["compile"] = Napi::Function::New(env, Compile, "compile");
  head["begin"] = Napi::Function::New(env, Begin, "begin");
  head["decide"] = Napi::Function::New(env, Decide, "decide");
  head["proxied"] = Napi::Function::New(env, Proxied, "proxied");
  head["sipHash24"] = Napi::Function::New(env, SipHash24Of, "sipHash24");
  head["readAffinityCookie"] = Napi::Function::New(env, ReadAffinityCookieOf, "readAffinityCookie");
  head["parseAddress"] = Napi::Function::New(env, ParseAddress, "parseAddress");
  head["refusalAnswer"] = Napi::Function::New(env, RefusalAnswerOf, "refusalAnswer");
  exports["head"] = head;
}

}  // namespace limpet
