// Clients and listening sockets on loopback addresses.
#ifndef LIMPET_TEST_NATIVE_HANDOFF_LOOPBACK_H_
#define LIMPET_TEST_NATIVE_HANDOFF_LOOPBACK_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "handoff/descriptor.h"
#include "handoff/listen_socket.h"

namespace limpet {

// An address 127.x.y.z in host order. It is never in 127.0.0.x, and never ends in .0 or .255.
inline uint32_t LoopbackAddress(uint32_t number) {
  return 0x7f000000u | (number / 250 % 65000 + 1) << 8 | (number % 250 + 1);
}

// Connects a client. The descriptor is invalid, with errno set, if that fails. Closing the client resets the connection, which leaves no
// TIME_WAIT.
inline Descriptor Connect(const ListenAddress& to, uint32_t from, int flags = 0) {
  Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  const linger reset{1, 0};
  const int on = 1;
  setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  setsockopt(client.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(from);
  if (bind(client.get(), reinterpret_cast<sockaddr*>(&source), sizeof source) != 0) return {};
  if (connect(client.get(), to.get(), to.length) != 0 && errno != EINPROGRESS) return {};
  return client;
}

inline ListenAddress Loopback() {
  ListenAddress address;
  static_cast<void>(ListenAddress::FromHost("127.0.0.1", 0, false, &address).ok());
  return address;
}

inline ListenAddress AddressOf(int fd) {
  ListenAddress address;
  static_cast<void>(ListenAddress::FromSocket(fd, &address).ok());
  return address;
}

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_HANDOFF_LOOPBACK_H_
