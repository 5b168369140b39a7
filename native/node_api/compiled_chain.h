// JavaScript holds a compiled chain as an opaque object. Acceptor threads share the chain with it.
#ifndef LIMPET_NODE_API_COMPILED_CHAIN_H_
#define LIMPET_NODE_API_COMPILED_CHAIN_H_

#include <napi.h>

#include <utility>

#include "head/affinity_chain.h"

namespace limpet {

inline Napi::Value WrapChain(Napi::Env env, SharedChain chain) {
  return Napi::External<SharedChain>::New(env, new SharedChain(std::move(chain)),
                                          [](Napi::Env, SharedChain* held) { delete held; });
}

inline const SharedChain& UnwrapChain(const Napi::Value& value) {
  return *value.As<Napi::External<SharedChain>>().Data();
}

}  // namespace limpet

#endif  // LIMPET_NODE_API_COMPILED_CHAIN_H_
