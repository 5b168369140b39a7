// Each function adds a part to the addon's exports.
#ifndef LIMPET_NODE_API_INIT_H_
#define LIMPET_NODE_API_INIT_H_

#include <napi.h>

namespace limpet {

// One object each, added to the exports.
void InitHandoff(Napi::Env env, Napi::Object exports);
void InitHead(Napi::Env env, Napi::Object exports);
void InitRing(Napi::Env env, Napi::Object exports);
void InitService(Napi::Env env, Napi::Object exports);

// Parts of exports.handoff.
void InitAcceptor(Napi::Env env, Napi::Object handoff);
void InitInbox(Napi::Env env, Napi::Object handoff);
void InitListeningSockets(Napi::Env env, Napi::Object handoff);

}  // namespace limpet

#endif  // LIMPET_NODE_API_INIT_H_
