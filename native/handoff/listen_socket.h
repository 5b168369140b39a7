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
  // Of an IPv4 or IPv6 address, in host order.
  int port() const;
  void set_port(int port);

  // `host` is an IPv4 or IPv6 address in text, with a zone where it needs one. EINVAL for anything else.
  static Status FromHost(const char* host, int port, bool ipv6_only, ListenAddress* address);
  // ENAMETOOLONG when the path does not fit (107 bytes on Linux, 103 on macOS).
  static Status FromPath(const char* path, ListenAddress* address);
  // Where `fd` is really bound.
  static Status FromSocket(int fd, ListenAddress* address);
};

// A stream socket for the address: non-blocking, close-on-exec, SO_REUSEADDR as Node sets it, not yet bound.
Status OpenStreamSocket(const ListenAddress& address, Descriptor* socket);

// Opens, binds and listens, alone on the address. Of the errors of bind(2): EADDRINUSE, EACCES, EADDRNOTAVAIL.
Status ListenExclusively(const ListenAddress& address, int backlog, Descriptor* socket);

// How full a listening TCP socket is; zeros where the system does not tell (TCP_INFO is Linux's).
struct ListenQueue {
  unsigned waiting = 0;
  unsigned capacity = 0;
};
ListenQueue ReadListenQueue(int fd);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_LISTEN_SOCKET_H_
