// The addon's module. Each part adds one object to its exports.
#include <napi.h>

#include "node_api/init.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
#if !defined(_WIN32)
  // Windows cannot pass descriptors to another process in this way. Connections use the `ipc` handoff there.
  limpet::InitHandoff(env, exports);
  limpet::InitService(env, exports);
#endif
  limpet::InitHead(env, exports);
  limpet::InitRing(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(limpet, Init)
