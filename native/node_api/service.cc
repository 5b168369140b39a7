// exports.service: what a service manager is told.
#include "handoff/primary/datagram.h"
#include "node_api/handoff.h"
#include "node_api/init.h"

namespace limpet {
namespace {

// (path, text)
void Notify(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const std::string text = info[1].As<Napi::String>();
  Check(info.Env(), SendDatagram(path, text));
}

}  // namespace

void InitService(Napi::Env env, Napi::Object exports) {
  auto service = Napi::Object::New(env);
  service["notify"] = Napi::Function::New(env, Notify, "notify");
  exports["service"] = service;
}

}  // namespace limpet
