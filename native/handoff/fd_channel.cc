#include "handoff/fd_channel.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace limpet {
namespace {

#if defined(__linux__)
constexpr int kSocketType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kReceiveFlags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr char kOpenDescriptors[] = "/proc/self/fd";
#else
// macOS has no SOCK_SEQPACKET for unix sockets. Its unix datagrams are reliable too, and keep message boundaries.
// This part has never been run.
constexpr int kSocketType = SOCK_DGRAM;
constexpr int kReceiveFlags = MSG_DONTWAIT;
constexpr int kSendFlags = MSG_DONTWAIT;
constexpr char kOpenDescriptors[] = "/dev/fd";
#endif

// Descriptors that a process needs besides its connections: files, DNS lookups, a connection to its database.
constexpr size_t kReserve = 32;

// A message has one record for each descriptor. All records have the same size, so the bytes in the channel tell the number of
// connections in it.
struct Record {
  uint8_t listener;
  uint8_t unused;
  uint16_t bucket;
  uint16_t pinned;
  uint16_t port;
  IpAddress address;
  uint64_t placed_ns;
};

// Memory for the control message. The union gives it the alignment that the kernel expects.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(kMessageMax * sizeof(int))];
};

Record RecordOf(const Connection& connection) {
  return {.listener = connection.listener,
          .unused = 0,
          .bucket = connection.bucket,
          .pinned = connection.pinned,
          .port = connection.proxied.port,
          .address = connection.proxied.address,
          .placed_ns = connection.placed_ns};
}

Connection ConnectionOf(Descriptor socket, const Record& record) {
  return {.socket = std::move(socket),
          .listener = record.listener,
          .bucket = record.bucket,
          .pinned = record.pinned,
          .proxied = {record.address, record.port},
          .placed_ns = record.placed_ns};
}

size_t OpenDescriptors() {
#if defined(__linux__)
  // Since Linux 6.2 the size of this folder is the number of its entries.
  uv_fs_t request;
  const bool found = uv_fs_stat(nullptr, &request, kOpenDescriptors, nullptr) == 0;
  const size_t size = found ? static_cast<size_t>(request.statbuf.st_size) : 0;
  uv_fs_req_cleanup(&request);
  if (size > 0) return size;
#endif
  DIR* folder = opendir(kOpenDescriptors);
  if (folder == nullptr) return SIZE_MAX;
  size_t entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  return entries - 3;  // Without `.`, `..` and the descriptor that reads the folder.
}

}  // namespace

Transfer SendConnections(int channel, std::span<const Connection* const> connections) {
  Record records[kMessageMax];
  int fds[kMessageMax];
  const size_t count = connections.size();
  for (size_t i = 0; i < count; ++i) {
    records[i] = RecordOf(*connections[i]);
    fds[i] = connections[i]->socket.get();
  }
  iovec payload{records, count * sizeof(Record)};
  Control control{};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
  ssize_t sent;
  do {
    sent = sendmsg(channel, &message, kSendFlags);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return Transfer::kDone;
  return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? Transfer::kBroken : Transfer::kFull;
}

Transfer ReceiveConnections(int channel, Connection* connections, size_t* count) {
  *count = 0;
  Record records[kMessageMax];
  iovec payload{records, sizeof records};
  Control control{};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t received;
  do {
    received = recvmsg(channel, &message, kReceiveFlags);
  } while (received < 0 && errno == EINTR);
  if (received == 0) return Transfer::kBroken;
  if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Transfer::kNothing : Transfer::kBroken;
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return Transfer::kNothing;
  *count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  int fds[kMessageMax];
  memcpy(fds, CMSG_DATA(rights), *count * sizeof(int));
  for (size_t i = 0; i < *count; ++i) {
#if !defined(MSG_CMSG_CLOEXEC)
    fcntl(fds[i], F_SETFD, FD_CLOEXEC);
#endif
    connections[i] = ConnectionOf(Descriptor(fds[i]), records[i]);
  }
  return Transfer::kDone;
}

void Poke(int channel) {
  constexpr Record kNoConnection{0xff, 0, 0, kNoSlot, 0, {}, 0};
  static_cast<void>(send(channel, &kNoConnection, sizeof kNoConnection, kSendFlags));
}

size_t WaitingIn(int channel) {
  int bytes = 0;
  return ioctl(channel, FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<size_t>(bytes) / sizeof(Record) : 0;
}

Status ChannelPair::Open(ChannelPair* pair) {
  int ends[2];
  if (socketpair(AF_UNIX, kSocketType, 0, ends) != 0) return Status::System("socketpair", errno);
  pair->primary_end = Descriptor(ends[0]);
  pair->worker_end = Descriptor(ends[1]);
#if !defined(__linux__)
  for (const int end : ends) {
    if (fcntl(end, F_SETFD, FD_CLOEXEC) != 0 || fcntl(end, F_SETFL, O_NONBLOCK) != 0) {
      return Status::System("fcntl", errno);
    }
  }
#endif
  return Status::Ok();
}

size_t DescriptorsLeft() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const size_t taken = OpenDescriptors();
  const size_t needed = taken == SIZE_MAX ? SIZE_MAX : taken + kReserve;
  return limit.rlim_cur > needed ? static_cast<size_t>(limit.rlim_cur - needed) : 0;
}

}  // namespace limpet
