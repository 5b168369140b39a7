// exports.ring. src/binding/ring-binding.ts has its types, src/binding/typescript/ the TypeScript implementation.
#include "ring/ring.h"

#include <napi.h>

#include <string>

#include "node_api/arguments.h"
#include "node_api/init.h"

namespace limpet {

namespace {

HashKey KeyOf(const Napi::Value& value) { return HashKey::From(Span<uint8_t>(value).data()); }

Napi::Value Hash32Of(const Napi::CallbackInfo& info) {
  const auto bytes = Span<uint8_t>(info[1]);
  return Napi::Number::New(info.Env(), Hash32(KeyOf(info[0]), bytes.data(), bytes.size()));
}

Napi::Value AddressKey(const Napi::CallbackInfo& info) {
  const std::string text = info[0].As<Napi::String>();
  const auto key = KeyOfText(text, ReadInt(info[1]));
  if (!key) return info.Env().Undefined();
  auto bytes = Napi::Uint8Array::New(info.Env(), 8);
  for (int i = 0; i < 4; i++) {
    bytes[i] = static_cast<uint8_t>(key->w0 >> (8 * i));
    bytes[4 + i] = static_cast<uint8_t>(key->w1 >> (8 * i));
  }
  return bytes;
}

Napi::Value BuildHomesOf(const Napi::CallbackInfo& info) {
  auto homes = Napi::Uint16Array::New(info.Env(), ReadUint(info[1]));
  BuildHomes(Span<double>(info[0]), {homes.Data(), homes.ElementLength()});
  return homes;
}

void JoinHomesOf(const Napi::CallbackInfo& info) {
  JoinHomes(Span<double>(info[1]), ReadUint(info[2]), Span<uint16_t>(info[0]));
}

void LeaveHomesOf(const Napi::CallbackInfo& info) {
  LeaveHomes(Span<double>(info[1]), ReadUint(info[2]), Span<uint16_t>(info[0]));
}

void AssignOwnersOf(const Napi::CallbackInfo& info) {
  AssignOwners(Span<uint16_t>(info[0]), Span<double>(info[1]), Span<uint8_t>(info[2]), Span<uint16_t>(info[3]));
}

void OwnersOfIpv4(const Napi::CallbackInfo& info) {
  const RingView ring(KeyOf(info[0]), Span<uint16_t>(info[1]));
  ring.OwnersOfIpv4(Span<uint32_t>(info[2]), Span<uint16_t>(info[3]).data());
}

void OwnersOfIpv6(const Napi::CallbackInfo& info) {
  const RingView ring(KeyOf(info[0]), Span<uint16_t>(info[1]));
  ring.OwnersOfIpv6(Span<uint8_t>(info[3]), ReadInt(info[2]), Span<uint16_t>(info[4]).data());
}

}  // namespace

void InitRing(Napi::Env env, Napi::Object exports) {
  auto ring = Napi::Object::New(env);
  ring["hash32"] = Napi::Function::New(env, Hash32Of, "hash32");
  ring["addressKey"] = Napi::Function::New(env, AddressKey, "addressKey");
  ring["buildHomes"] = Napi::Function::New(env, BuildHomesOf, "buildHomes");
  ring["joinHomes"] = Napi::Function::New(env, JoinHomesOf, "joinHomes");
  ring["leaveHomes"] = Napi::Function::New(env, LeaveHomesOf, "leaveHomes");
  ring["assignOwners"] = Napi::Function::New(env, AssignOwnersOf, "assignOwners");
  ring["ownersOfIpv4"] = Napi::Function::New(env, OwnersOfIpv4, "ownersOfIpv4");
  ring["ownersOfIpv6"] = Napi::Function::New(env, OwnersOfIpv6, "ownersOfIpv6");
  exports["ring"] = ring;
}

}  // namespace limpet
