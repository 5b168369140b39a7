// exports.handoff: descriptors, and the parts that other files add. src/binding/handoff-binding.ts has the types.
#include <fcntl.h>
#include <napi.h>

#include <cerrno>

#include "handoff/descriptor.h"
#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

// (fd): the caller owns the duplicate.
Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  Descriptor duplicate = Descriptor::Duplicate(ReadInt(info[0]));
  if (!duplicate.valid()) ThrowSystemError(info.Env(), Status::System("fcntl", errno));
  return Napi::Number::New(info.Env(), duplicate.Release());
}

// (fd)
void Close(const Napi::CallbackInfo& info) { Descriptor(ReadInt(info[0])).Reset(); }

// (fd)
void CloseOnExec(const Napi::CallbackInfo& info) {
  if (fcntl(ReadInt(info[0]), F_SETFD, FD_CLOEXEC) != 0) ThrowSystemError(info.Env(), Status::System("fcntl", errno));
}

// (fd): makes an inherited socket close-on-exec and non-blocking.
void PrepareInherited(const Napi::CallbackInfo& info) {
  const int fd = ReadInt(info[0]);
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    ThrowSystemError(info.Env(), Status::System("fcntl", errno));
  }
}

}  // namespace

void InitHandoff(Napi::Env env, Napi::Object exports) {
  auto handoff = Napi::Object::New(env);
  handoff["duplicate"] = Napi::Function::New(env, Duplicate, "duplicate");
  handoff["close"] = Napi::Function::New(env, Close, "close");
  handoff["closeOnExec"] = Napi::Function::New(env, CloseOnExec, "closeOnExec");
  handoff["prepareInherited"] = Napi::Function::New(env, PrepareInherited, "prepareInherited");
  InitAcceptor(env, handoff);
  InitInbox(env, handoff);
  InitListenAddress(env, handoff);
  InitReuseport(env, handoff);
  InitSharedMemory(env, handoff);
  exports["handoff"] = handoff;
}

}  // namespace limpet
