// Addresses to listen on, as JavaScript has them.
#ifndef LIMPET_NODE_API_LISTEN_ADDRESS_H_
#define LIMPET_NODE_API_LISTEN_ADDRESS_H_

#include <napi.h>

#include "handoff/listen_socket.h"
#include "handoff/status.h"

namespace limpet {

// Reads `{ host, port, ipv6Only }` or `{ path }`.
Status ReadListenAddress(const Napi::Object& object, ListenAddress* address);

}  // namespace limpet

#endif  // LIMPET_NODE_API_LISTEN_ADDRESS_H_
