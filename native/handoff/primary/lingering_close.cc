#include "handoff/primary/lingering_close.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace limpet {
namespace {

constexpr uint64_t kPatienceMs = 1000;
constexpr size_t kPartingsMax = 1024;

#if defined(__linux__)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

// True when the client has closed its side, or broken off.
bool DiscardAll(int fd) {
  char discarded[16384];
  for (;;) {
    const ssize_t got = recv(fd, discarded, sizeof discarded, MSG_DONTWAIT);
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return errno != EAGAIN && errno != EWOULDBLOCK;
  }
}

}  // namespace

LingeringClose::~LingeringClose() {
  for (const auto& [id, parting] : partings_) close(parting.fd);
}

void LingeringClose::Say(int fd, std::string_view answer, uint64_t now_ms) {
  const bool said = !answer.empty() && send(fd, answer.data(), answer.size(), kSendFlags) > 0 && shutdown(fd, SHUT_WR) == 0;
  const uint32_t id = next_id_++;
  if (!said || DiscardAll(fd) || partings_.size() >= kPartingsMax || !poller_->Add(fd, token_bit_ | id).ok()) {
    close(fd);
    return;
  }
  partings_[id] = {fd, now_ms + kPatienceMs};
}

void LingeringClose::Wake(uint32_t id) {
  const auto parting = partings_.find(id);
  if (parting != partings_.end() && DiscardAll(parting->second.fd)) Close(parting);
}

void LingeringClose::OnTime(uint64_t now_ms) {
  while (!partings_.empty() && partings_.begin()->second.deadline_ms <= now_ms) Close(partings_.begin());
}

void LingeringClose::Close(std::map<uint32_t, Parting>::iterator parting) {
  poller_->Remove(parting->second.fd);
  close(parting->second.fd);
  partings_.erase(parting);
}

}  // namespace limpet
