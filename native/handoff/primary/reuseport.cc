#include "handoff/primary/reuseport.h"

#include <cerrno>
#include <string_view>

#if defined(__linux__)
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#endif

namespace limpet {

#if defined(__linux__)

namespace {

static_assert(sizeof(BpfInstruction) == sizeof(sock_filter));

Status AllowSharing(int fd) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return Status::System("setsockopt", errno);
  return Status::Ok();
}

// Binds and listens, with a filter that drops every packet, and so every SYN. Some kernels do not allow ordinary users to attach socket
// filters (EPERM on Linux 6.18), but allow the steering program. On these the socket answers SYNs at once.
Status DropAndListen(int fd, const ListenAddress& address, int backlog) {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &drop};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 && errno != EPERM) {
    return Status::System("setsockopt", errno);
  }
  if (bind(fd, address.get(), address.length) != 0) return Status::System("bind", errno);
  if (listen(fd, backlog) != 0) return Status::System("listen", errno);
  return Status::Ok();
}

// Opens the first socket of a group, alone on its address. If two sockets begin to listen at the same moment, the kernel can refuse
// both, because it marks a socket as listening before it looks for others. So a refused listen is tried again, unlike a refused bind.
// The pauses depend on the process id, so that two processes do not collide again.
Status ListenFirst(const ListenAddress& address, int backlog, Descriptor* result) {
  constexpr int kAttempts = 6;
  for (int attempt = 1;; ++attempt) {
    Descriptor socket;
    if (const Status status = OpenStreamSocket(address, &socket); !status.ok()) return status;
    const Status status = DropAndListen(socket.get(), address, backlog);
    if (status.ok()) {
      *result = std::move(socket);
      return status;
    }
    const bool tied = status.error() == EADDRINUSE && std::string_view(status.call()) == "listen";
    if (!tied || attempt == kAttempts) return status;
    socket.Reset();
    poll(nullptr, 0, attempt * (1 + getpid() % 5));
  }
}

Status StopDropping(int fd) {
  const int unused = 0;
  if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) != 0 && errno != ENOENT) {
    return Status::System("setsockopt", errno);
  }
  return Status::Ok();
}

}  // namespace

Status ReuseportGroup::Open(const ListenAddress& address, size_t slots, int backlog,
                            const std::vector<BpfInstruction>& program) {
  Descriptor first;
  if (const Status status = ListenFirst(address, backlog, &first); !status.ok()) return status;
  if (const Status status = AllowSharing(first.get()); !status.ok()) return status;

  ReuseportGroup group;
  if (const Status status = ListenAddress::FromSocket(first.get(), &group.address_); !status.ok()) return status;
  group.address_.ipv6_only = address.ipv6_only;
  group.backlog_ = backlog;
  group.sockets_.push_back(std::move(first));
  if (const Status status = group.Grow(slots); !status.ok()) return status;
  if (const Status status = group.Steer(program); !status.ok()) return status;
  *this = std::move(group);
  return Status::Ok();
}

Status ReuseportGroup::Adopt(std::vector<Descriptor> sockets, int backlog) {
  ReuseportGroup group;
  if (sockets.empty()) return Status::System("getsockname", EBADF);
  const int first = sockets.front().get();
  if (const Status status = ListenAddress::FromSocket(first, &group.address_); !status.ok()) return status;
  for (const Descriptor& socket : sockets) {
    if (const Status status = AllowSharing(socket.get()); !status.ok()) return status;
  }
  int ipv6_only = 0;
  socklen_t length = sizeof ipv6_only;
  if (group.address_.family() == AF_INET6) getsockopt(first, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, &length);
  group.address_.ipv6_only = ipv6_only != 0;
  group.backlog_ = backlog;
  group.steered_ = sockets.size();
  group.sockets_ = std::move(sockets);
  *this = std::move(group);
  return Status::Ok();
}

Status ReuseportGroup::Grow(size_t slots) {
  while (sockets_.size() < slots) {
    Descriptor socket;
    if (const Status status = OpenStreamSocket(address_, &socket); !status.ok()) return status;
    if (const Status status = AllowSharing(socket.get()); !status.ok()) return status;
    if (const Status status = DropAndListen(socket.get(), address_, backlog_); !status.ok()) return status;
    sockets_.push_back(std::move(socket));
  }
  return Status::Ok();
}

Status ReuseportGroup::Steer(const std::vector<BpfInstruction>& program) {
  // With one socket there is nothing to choose.
  if (sockets_.size() > 1) {
    if (program.empty()) return Status::System("setsockopt", E2BIG);
    const sock_fprog filter{static_cast<unsigned short>(program.size()),
                            reinterpret_cast<sock_filter*>(const_cast<BpfInstruction*>(program.data()))};
    if (setsockopt(descriptor(0), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) != 0) {
      return Status::System("setsockopt", errno);
    }
  }
  for (; steered_ < sockets_.size(); ++steered_) {
    if (const Status status = StopDropping(descriptor(steered_)); !status.ok()) return status;
  }
  return Status::Ok();
}

void ReuseportGroup::RemoveLast() {
  sockets_.pop_back();
  if (steered_ > sockets_.size()) steered_ = sockets_.size();
}

#else

Status ReuseportGroup::Open(const ListenAddress&, size_t, int, const std::vector<BpfInstruction>&) {
  return Status::System("setsockopt", ENOTSUP);
}
Status ReuseportGroup::Adopt(std::vector<Descriptor>, int) { return Status::System("setsockopt", ENOTSUP); }
Status ReuseportGroup::Grow(size_t) { return Status::System("setsockopt", ENOTSUP); }
Status ReuseportGroup::Steer(const std::vector<BpfInstruction>&) { return Status::System("setsockopt", ENOTSUP); }
void ReuseportGroup::RemoveLast() {}

#endif

}  // namespace limpet
