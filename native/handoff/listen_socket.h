#ifndef LIMPET_HANDOFF_LISTEN_SOCKET_H_
#define LIMPET_HANDOFF_LISTEN_SOCKET_H_

#include <sys/socket.h>

#include "handoff/descriptor.h"
#include "handoff/status.h"

namespace limpet {

// An address to listen on: IPv4, IPv6 or the path of a unix-domain socket.
struct ListenAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool ipv6_only = false;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  // The port of an IPv4 or IPv6 address, in host order.
  int port() const;
  void set_port(int port);

  // `host` is an IPv4 or IPv6 address in text, with a zone if it needs one. EINVAL for any other text.
  static Status FromHost(const char* host, int port, bool ipv6_only, ListenAddress* address);
  // ENAMETOOLONG if the path has more than 107 bytes on Linux, or 103 bytes on macOS.
  static Status FromPath(const char* path, ListenAddress* address);
  // The address that `fd` is bound to.
  static Status FromSocket(int fd, ListenAddress* address);
};

// Opens a stream socket for the address, and does not bind it. It is non-blocking and close-on-exec. Like Node, it sets SO_REUSEADDR for
// IPv4 and IPv6.
Status OpenStreamSocket(const ListenAddress& address, Descriptor* socket);

// Opens a socket, binds it and listens, without sharing the address. Errors are those of bind(2), such as EADDRINUSE, EACCES and
// EADDRNOTAVAIL.
Status ListenExclusively(const ListenAddress& address, int backlog, Descriptor* socket);

// The accept queue of a listening TCP socket. Zeros on other systems than Linux, which have no TCP_INFO.
struct ListenQueue {
  unsigned waiting = 0;
  unsigned capacity = 0;
};
ListenQueue ReadListenQueue(int fd);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_LISTEN_SOCKET_H_
