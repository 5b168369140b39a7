#include "handoff/peer_address.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <cstring>

namespace limpet {

std::optional<ClientKey> PeerAddress::Key(int ipv6_prefix) const {
  if (storage.ss_family == AF_INET) {
    return KeyOfIpv4(ntohl(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr));
  }
  if (storage.ss_family == AF_INET6) {
    return KeyOfIpv6(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr.s6_addr, ipv6_prefix);
  }
  return std::nullopt;
}

Endpoint PeerAddress::ToEndpoint() const {
  Endpoint end;
  if (storage.ss_family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(&storage);
    end.address.bytes[10] = end.address.bytes[11] = 0xff;
    memcpy(&end.address.bytes[12], &ipv4->sin_addr, 4);
    end.port = ntohs(ipv4->sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    memcpy(end.address.bytes.data(), &ipv6->sin6_addr, 16);
    end.port = ntohs(ipv6->sin6_port);
  }
  return end;
}

Descriptor AcceptConnection(int socket, PeerAddress* peer) {
  socklen_t length = sizeof peer->storage;
  peer->storage.ss_family = AF_UNSPEC;
  auto* address = reinterpret_cast<sockaddr*>(&peer->storage);
#if defined(__linux__)
  return Descriptor(accept4(socket, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
#else
  Descriptor accepted(accept(socket, address, &length));
  if (accepted.valid()) {
    fcntl(accepted.get(), F_SETFD, FD_CLOEXEC);
    fcntl(accepted.get(), F_SETFL, O_NONBLOCK);
  }
  return accepted;
#endif
}

}  // namespace limpet
