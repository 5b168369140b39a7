// One function an area: puts the area's object on the addon's exports.
#ifndef LIMPET_NODE_API_INIT_H_
#define LIMPET_NODE_API_INIT_H_

#include <napi.h>

namespace limpet {

void InitHandoff(Napi::Env env, Napi::Object exports);
void InitHead(Napi::Env env, Napi::Object exports);
void InitRing(Napi::Env env, Napi::Object exports);
void InitService(Napi::Env env, Napi::Object exports);

}  // namespace limpet

#endif  // LIMPET_NODE_API_INIT_H_
