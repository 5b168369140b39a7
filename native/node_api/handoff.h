// What the files of exports.handoff share. src/binding/handoff-binding.ts has the types of all of it.
#ifndef LIMPET_NODE_API_HANDOFF_H_
#define LIMPET_NODE_API_HANDOFF_H_

#include <napi.h>

#include <span>
#include <vector>

#include "handoff/listen_socket.h"
#include "handoff/primary/steering_program.h"
#include "handoff/status.h"

namespace limpet {

// A JavaScript error in the shape of Node's own: `code` (such as EADDRINUSE) and `syscall`.
void ThrowSystemError(Napi::Env env, const Status& status);
// Throws unless the status is ok; whether it is.
bool Check(Napi::Env env, const Status& status);

// Of `{ host, port, ipv6Only }` or `{ path }`.
Status ReadAddress(const Napi::Object& given, ListenAddress* address);
// `{ address, family, port }` or `{ path }`, as `server.address()` has it.
Napi::Value BoundAddress(Napi::Env env, int fd);

// Of `{ key, ipv6Prefix, homes }`, which must outlive the table.
SteeringTable ReadSteeringTable(const Napi::Object& given);

template <typename T>
std::span<T> Span(const Napi::Value& value) {
  auto array = value.As<Napi::TypedArrayOf<T>>();
  return {array.Data(), array.ElementLength()};
}

inline std::vector<uint16_t> ReadSlots(const Napi::Value& value) {
  const auto slots = Span<uint16_t>(value);
  return {slots.begin(), slots.end()};
}

inline int ReadInt(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }
inline uint32_t ReadUint(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

void InitAcceptor(Napi::Env env, Napi::Object handoff);
void InitInbox(Napi::Env env, Napi::Object handoff);
void InitReuseport(Napi::Env env, Napi::Object handoff);

}  // namespace limpet

#endif  // LIMPET_NODE_API_HANDOFF_H_
