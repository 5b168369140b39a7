#ifndef LIMPET_HANDOFF_PRIMARY_REUSEPORT_H_
#define LIMPET_HANDOFF_PRIMARY_REUSEPORT_H_

#include <vector>

#include "handoff/listen_socket.h"
#include "handoff/primary/steering_program.h"

namespace limpet {

// N listening sockets on one address, slot n's the n-th of a SO_REUSEPORT group that the steering program chooses from.
// Linux only: elsewhere Open answers ENOTSUP.
//
// The kernel numbers the sockets in the order in which they begin to listen and renumbers when one but the last closes.
// So sockets are added and removed at the end alone, and the group lives as long as the router.
class ReuseportGroup {
 public:
  // Slot 0's socket listens before it may share: an address on which anyone listens, with SO_REUSEPORT or not, is
  // EADDRINUSE, and of two routers that open it at once the kernel lets in one. (A stranger of the same user may still
  // join later: workers count what reaches them against the program.)
  // Other failures: those of bind(2); ENOMEM from setsockopt when the program is over `net.core.optmem_max`;
  // ENOPROTOOPT before Linux 4.6. After a failure nothing is open.
  Status Open(const ListenAddress& address, size_t slots, int backlog, const std::vector<BpfInstruction>& program);

  // Takes the sockets of a group that another process has opened, or one that listens alone, in slot order. Nothing changes for
  // those who connect before Grow and Steer.
  Status Adopt(std::vector<Descriptor> sockets, int backlog);

  // Adds sockets at the end until there are `slots`. They drop SYNs, which clients repeat within a second, until Steer:
  // no connection is ever placed without a program that knows its socket. (Where the user may not attach a filter, those of the
  // fraction of a millisecond between Open's first listen and its program are placed without, and counted as missteered; a program
  // that is there already never chooses a socket that it does not know.) On failure the size is anything from the old
  // one to `slots`.
  Status Grow(size_t slots);

  // Replaces the program of the whole group at once. On failure the old one stays.
  Status Steer(const std::vector<BpfInstruction>& program);

  // Closes the last socket; what is queued in it is reset by the kernel, unless another process holds it too.
  void RemoveLast();

  size_t size() const { return sockets_.size(); }
  int descriptor(size_t slot) const { return sockets_[slot].get(); }

 private:
  ListenAddress address_;  // as bound, with the port that the system chose
  int backlog_ = 0;
  std::vector<Descriptor> sockets_;
  size_t steered_ = 0;  // sockets that no longer drop SYNs
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_REUSEPORT_H_
