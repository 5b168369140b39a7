// Connections for tests that need no network.
#ifndef LIMPET_TEST_NATIVE_HANDOFF_SOCKET_PAIR_H_
#define LIMPET_TEST_NATIVE_HANDOFF_SOCKET_PAIR_H_

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "check.h"
#include "handoff/descriptor.h"

namespace limpet {

// A connection and its client.
struct SocketPair {
  Descriptor socket;
  Descriptor client;

  SocketPair() {
    int ends[2] = {-1, -1};
    Check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    socket = Descriptor(ends[0]);
    client = Descriptor(ends[1]);
  }
};

// True if every copy of the connection's socket is closed, and the client has read all bytes.
inline bool IsClosed(const Descriptor& client) {
  char byte;
  return recv(client.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

// True if the connection is open and no byte has arrived at the client.
inline bool IsOpen(const Descriptor& client) {
  char byte;
  return recv(client.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

inline void Write(const Descriptor& client, std::string_view text) {
  Check(send(client.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

// The bytes that have arrived.
inline std::string Read(const Descriptor& client) {
  char bytes[4096];
  const ssize_t got = recv(client.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  return got > 0 ? std::string(bytes, static_cast<size_t>(got)) : std::string();
}

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_HANDOFF_SOCKET_PAIR_H_
