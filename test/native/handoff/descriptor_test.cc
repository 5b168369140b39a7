// A descriptor has exactly one owner, and is closed once.
#include "handoff/descriptor.h"

#include <utility>

#include "check.h"
#include "handoff/socket_pair.h"

using namespace limpet;

namespace {

bool IsOpenNumber(int fd) { return fcntl(fd, F_GETFD) >= 0; }

void IsClosedAtTheEndOfItsOwner() {
  SocketPair pair;
  const int fd = pair.socket.get();
  {
    const Descriptor owner = std::move(pair.socket);
    Check(owner.valid() && owner.get() == fd);
    Check(IsOpen(pair.client));
  }
  Check(!IsOpenNumber(fd));
  Check(IsClosed(pair.client));
}

void AMoveLeavesTheOldOwnerEmpty() {
  SocketPair pair;
  const int fd = pair.socket.get();
  Descriptor owner(std::move(pair.socket));
  Check(!pair.socket.valid() && pair.socket.get() == -1);
  Check(owner.get() == fd);
  pair.socket.Reset();
  Check(IsOpenNumber(fd));
}

void AnAssignmentClosesTheOldDescriptor() {
  SocketPair first, second;
  const int kept = second.socket.get();
  first.socket = std::move(second.socket);
  Check(first.socket.get() == kept);
  Check(IsClosed(first.client));
  Check(IsOpen(second.client));
}

void AnAssignmentToItselfKeepsTheDescriptor() {
  SocketPair pair;
  Descriptor& same = pair.socket;
  pair.socket = std::move(same);
  Check(pair.socket.valid());
  Check(IsOpen(pair.client));
}

void ReleaseHandsOwnershipToTheCaller() {
  SocketPair pair;
  const int fd = pair.socket.Release();
  Check(!pair.socket.valid());
  pair.socket.Reset();
  Check(IsOpenNumber(fd));
  const Descriptor owner(fd);
  Check(IsOpen(pair.client));
}

void ResetClosesOnce() {
  SocketPair pair;
  const int fd = pair.socket.get();
  pair.socket.Reset();
  Check(!pair.socket.valid() && IsClosed(pair.client));
  // The system gives the number to the next descriptor, which a second reset must not close.
  const Descriptor next(dup(pair.client.get()));
  Check(next.get() == fd);
  pair.socket.Reset();
  Check(IsOpenNumber(next.get()));
}

void ADuplicateIsCloseOnExecAndHasItsOwnLife() {
  SocketPair pair;
  const Descriptor duplicate = Descriptor::Duplicate(pair.socket.get());
  Check(duplicate.valid() && duplicate.get() != pair.socket.get());
  Check(fcntl(duplicate.get(), F_GETFD) == FD_CLOEXEC);
  pair.socket.Reset();
  Check(IsOpen(pair.client));
  Check(!Descriptor::Duplicate(-1).valid() && errno == EBADF);
}

}  // namespace

int main() {
  IsClosedAtTheEndOfItsOwner();
  AMoveLeavesTheOldOwnerEmpty();
  AnAssignmentClosesTheOldDescriptor();
  AnAssignmentToItselfKeepsTheDescriptor();
  ReleaseHandsOwnershipToTheCaller();
  ResetClosesOnce();
  ADuplicateIsCloseOnExecAndHasItsOwnLife();
  return failures == 0 ? 0 : 1;
}
