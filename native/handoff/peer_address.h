// Accepting a connection, and who is at its other end.
#ifndef LIMPET_HANDOFF_PEER_ADDRESS_H_
#define LIMPET_HANDOFF_PEER_ADDRESS_H_

#include <sys/socket.h>

#include <optional>

#include "ring/client_key.h"
#include "ring/ip_address.h"

namespace limpet {

struct PeerAddress {
  sockaddr_storage storage;

  // Nothing for a unix-domain client: it has no address.
  std::optional<ClientKey> Key(int ipv6_prefix) const;
  // `::` for a unix-domain client.
  Endpoint ToEndpoint() const;
};

// accept(2), non-blocking and close-on-exec. -1 with errno when there is nothing or no room.
int AcceptConnection(int socket, PeerAddress* peer);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PEER_ADDRESS_H_
