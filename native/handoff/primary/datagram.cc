#include "handoff/primary/datagram.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "handoff/descriptor.h"

namespace limpet {

Status SendDatagram(std::string_view path, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return Status::System("sendto", ENAMETOOLONG);
  memcpy(address.sun_path, path.data(), path.size());
  // An abstract name begins with a zero byte. Unlike a path it has none at its end.
  const bool abstract = path.starts_with('@');
  if (abstract) address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
#if defined(SOCK_CLOEXEC)
  const Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  constexpr int kFlags = MSG_NOSIGNAL;
#else
  const Descriptor fd(socket(AF_UNIX, SOCK_DGRAM, 0));
  constexpr int kFlags = MSG_DONTWAIT;
#endif
  if (!fd.valid()) return Status::System("socket", errno);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (sendto(fd.get(), text.data(), text.size(), kFlags, to, length) < 0) return Status::System("sendto", errno);
  return Status::Ok();
}

}  // namespace limpet
