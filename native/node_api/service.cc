// exports.service: messages to a service manager.
#include <napi.h>

#include <string>

#include "handoff/primary/datagram.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

// (path, text)
void Notify(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const std::string text = info[1].As<Napi::String>();
  ThrowUnlessOk(info.Env(), SendDatagram(path, text));
}

}  // namespace

void InitService(Napi::Env env, Napi::Object exports) {
  auto service = Napi::Object::New(env);
  service["notify"] = Napi::Function::New(env, Notify, "notify");
  exports["service"] = service;
}

}  // namespace limpet
