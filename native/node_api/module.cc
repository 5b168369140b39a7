// The addon's one entrance: each area adds an object of its own to the exports.
#include <napi.h>

#include "node_api/init.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
#if !defined(_WIN32)
  // Descriptors cannot be passed there as they are here: connections go by `ipc`.
  limpet::InitHandoff(env, exports);
  limpet::InitService(env, exports);
#endif
  limpet::InitHead(env, exports);
  limpet::InitRing(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(limpet, Init)
