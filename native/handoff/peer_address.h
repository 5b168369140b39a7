// Accepts a connection and reads the address of its peer.
#ifndef LIMPET_HANDOFF_PEER_ADDRESS_H_
#define LIMPET_HANDOFF_PEER_ADDRESS_H_

#include <sys/socket.h>

#include <optional>

#include "handoff/descriptor.h"
#include "ring/client_key.h"
#include "ring/ip_address.h"

namespace limpet {

struct PeerAddress {
  sockaddr_storage storage;

  // No key for a client of a unix-domain socket, which has no address.
  std::optional<ClientKey> Key(int ipv6_prefix) const;
  // `::` for a client of a unix-domain socket.
  Endpoint ToEndpoint() const;
};

// accept(2). The socket is non-blocking and close-on-exec. Invalid, with errno set, if no connection waits or there is no room.
Descriptor AcceptConnection(int socket, PeerAddress* peer);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PEER_ADDRESS_H_
