#ifndef LIMPET_HANDOFF_PRIMARY_REUSEPORT_H_
#define LIMPET_HANDOFF_PRIMARY_REUSEPORT_H_

#include <vector>

#include "handoff/listen_socket.h"
#include "handoff/primary/steering_program.h"

namespace limpet {

// Listening sockets on one address, one for each slot. They are a SO_REUSEPORT group: the steering program chooses one of them for each
// connection. The socket of slot n is the n-th of the group. Linux only: on other systems Open fails with ENOTSUP.
//
// The kernel numbers the sockets in the order in which they begin to listen, and renumbers them when one before the last is closed. So
// sockets are added and removed only at the end, and the group exists as long as the router.
class ReuseportGroup {
 public:
  // The socket of slot 0 listens before it gets SO_REUSEPORT. So Open fails with EADDRINUSE if another process listens on the address,
  // with SO_REUSEPORT or without. If two routers open the address at once, the kernel accepts one. (Another process of the same user
  // can still join the group later. Workers count the connections that the program would have sent elsewhere.)
  // Other errors are those of bind(2), ENOMEM from setsockopt if the program exceeds `net.core.optmem_max`, and ENOPROTOOPT before
  // Linux 4.6. After a failure no socket is open.
  Status Open(const ListenAddress& address, size_t slots, int backlog, const std::vector<BpfInstruction>& program);

  // Takes the sockets of a group that another process has opened, in slot order, or one socket that listens alone. Nothing changes for
  // clients that connect before Grow and Steer.
  Status Adopt(std::vector<Descriptor> sockets, int backlog);

  // Adds sockets at the end until there are `slots`. Until Steer they drop SYNs, which clients repeat within a second. So a connection
  // is never steered by a program that does not know its socket. On failure the size is between the old one and `slots`.
  //
  // If the user must not attach a filter, the new sockets do not drop SYNs. An attached program never chooses a socket that it does not
  // know. But Open attaches its program a fraction of a millisecond after its first listen. Connections of that time are steered without
  // the program, and counted as missteered.
  Status Grow(size_t slots);

  // Replaces the program of the whole group at once. On failure the old program stays.
  Status Steer(const std::vector<BpfInstruction>& program);

  // Closes the last socket. The kernel resets the connections that wait in it, unless another process has the socket too.
  void RemoveLast();

  size_t size() const { return sockets_.size(); }
  int descriptor(size_t slot) const { return sockets_[slot].get(); }

 private:
  ListenAddress address_;  // The bound address, with the port that the system chose.
  int backlog_ = 0;
  std::vector<Descriptor> sockets_;
  size_t steered_ = 0;  // How many sockets no longer drop SYNs.
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_REUSEPORT_H_
