// Turns failed system calls into JavaScript errors.
#ifndef LIMPET_NODE_API_SYSTEM_ERROR_H_
#define LIMPET_NODE_API_SYSTEM_ERROR_H_

#include <napi.h>
#include <uv.h>

#include <string>

#include "handoff/status.h"

namespace limpet {

// Throws an error like Node's own, with `code` (such as EADDRINUSE) and `syscall`.
inline void ThrowSystemError(Napi::Env env, const Status& status) {
  const std::string code = uv_err_name(-status.error());
  Napi::Error error = Napi::Error::New(env, std::string(status.call()) + " " + code);
  error.Set("code", code);
  error.Set("syscall", status.call());
  error.ThrowAsJavaScriptException();
}

// Throws if the status is not ok. Returns whether it is.
inline bool ThrowUnlessOk(Napi::Env env, const Status& status) {
  if (!status.ok()) ThrowSystemError(env, status);
  return status.ok();
}

}  // namespace limpet

#endif  // LIMPET_NODE_API_SYSTEM_ERROR_H_
