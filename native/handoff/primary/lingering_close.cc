#include "handoff/primary/lingering_close.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace limpet {
namespace {

constexpr uint64_t kLingerMs = 1000;
constexpr size_t kLingeringMax = 1024;

#if defined(__linux__)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

// Sends `answer` and a FIN. False if the client cannot be answered.
bool AnswerAndHalfClose(int fd, std::string_view answer) {
  return send(fd, answer.data(), answer.size(), kSendFlags) > 0 && shutdown(fd, SHUT_WR) == 0;
}

// Discards the bytes that have arrived. True if the client has closed or reset the connection.
bool DiscardUntilClosed(int fd) {
  char discarded[16384];
  for (;;) {
    const ssize_t got = recv(fd, discarded, sizeof discarded, MSG_DONTWAIT);
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return errno != EAGAIN && errno != EWOULDBLOCK;
  }
}

}  // namespace

void LingeringClose::Begin(Descriptor socket, std::string_view answer, uint64_t now_ms) {
  if (answer.empty() || !AnswerAndHalfClose(socket.get(), answer)) return;
  if (DiscardUntilClosed(socket.get()) || lingering_.size() >= kLingeringMax) return;
  const uint32_t id = next_id_++;
  if (!poller_->Add(socket.get(), token_bit_ | id).ok()) return;
  lingering_.emplace(id, Lingering{std::move(socket), now_ms + kLingerMs});
}

void LingeringClose::OnReadable(uint32_t id) {
  const auto connection = lingering_.find(id);
  // It may have been closed after the poller reported it.
  if (connection != lingering_.end() && DiscardUntilClosed(connection->second.socket.get())) Close(connection);
}

void LingeringClose::OnTime(uint64_t now_ms) {
  while (DueMs() <= now_ms) Close(lingering_.begin());
}

void LingeringClose::Close(std::map<uint32_t, Lingering>::iterator connection) {
  poller_->Remove(connection->second.socket.get());
  lingering_.erase(connection);
}

}  // namespace limpet
