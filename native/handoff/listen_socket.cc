#include "handoff/listen_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <uv.h>

#include <cerrno>

#include <cstring>

namespace limpet {

int ListenAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

void ListenAddress::set_port(int port) {
  const auto network_port = htons(static_cast<uint16_t>(port));
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage)->sin_port = network_port;
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = network_port;
}

Status ListenAddress::FromHost(const char* host, int port, bool ipv6_only, ListenAddress* address) {
  *address = {};
  address->ipv6_only = ipv6_only;
  if (uv_ip4_addr(host, port, reinterpret_cast<sockaddr_in*>(&address->storage)) == 0) {
    address->length = sizeof(sockaddr_in);
    return Status::Ok();
  }
  if (uv_ip6_addr(host, port, reinterpret_cast<sockaddr_in6*>(&address->storage)) == 0) {
    address->length = sizeof(sockaddr_in6);
    return Status::Ok();
  }
  return Status::System("inet_pton", EINVAL);
}

Status ListenAddress::FromPath(const char* path, ListenAddress* address) {
  *address = {};
  auto* unix_address = reinterpret_cast<sockaddr_un*>(&address->storage);
  const size_t length = strlen(path);
  if (length >= sizeof(unix_address->sun_path)) return Status::System("bind", ENAMETOOLONG);
  unix_address->sun_family = AF_UNIX;
  memcpy(unix_address->sun_path, path, length);
  address->length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  return Status::Ok();
}

Status ListenAddress::FromSocket(int fd, ListenAddress* address) {
  *address = {};
  address->length = sizeof(address->storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address->storage), &address->length) != 0) {
    return Status::System("getsockname", errno);
  }
  return Status::Ok();
}

Status OpenStreamSocket(const ListenAddress& address, Descriptor* result) {
#if defined(SOCK_CLOEXEC)
  Descriptor fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Status::System("socket", errno);
#else
  Descriptor fd(socket(address.family(), SOCK_STREAM, 0));
  if (!fd.valid()) return Status::System("socket", errno);
  if (fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) {
    return Status::System("fcntl", errno);
  }
#endif
  if (!address.is_unix()) {
    const int on = 1;
    if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return Status::System("setsockopt", errno);
  }
  if (address.family() == AF_INET6) {
    const int only = address.ipv6_only ? 1 : 0;
    if (setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0) return Status::System("setsockopt", errno);
  }
  *result = std::move(fd);
  return Status::Ok();
}

Status ListenExclusively(const ListenAddress& address, int backlog, Descriptor* result) {
  Descriptor fd;
  if (const Status status = OpenStreamSocket(address, &fd); !status.ok()) return status;
  if (bind(fd.get(), address.get(), address.length) != 0) return Status::System("bind", errno);
  if (listen(fd.get(), backlog) != 0) return Status::System("listen", errno);
  *result = std::move(fd);
  return Status::Ok();
}

ListenQueue ReadListenQueue(int fd) {
#if defined(__linux__)
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  return {info.tcpi_unacked, info.tcpi_sacked};
#else
  static_cast<void>(fd);
  return {};
#endif
}

}  // namespace limpet
