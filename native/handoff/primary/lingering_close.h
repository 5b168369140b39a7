// Lingering close: answers connections that no worker gets, and closes them so that their clients can read the answer.
#ifndef LIMPET_HANDOFF_PRIMARY_LINGERING_CLOSE_H_
#define LIMPET_HANDOFF_PRIMARY_LINGERING_CLOSE_H_

#include <cstdint>
#include <map>
#include <string_view>

#include "handoff/descriptor.h"
#include "handoff/poller.h"

namespace limpet {

// Closing a socket that has unread bytes sends a reset, and a reset can destroy an answer that the client has not read yet. So
// after the answer each connection is half-closed. Its further bytes are discarded until the client closes too, for at most 1 s.
// At most 1,024 connections linger at a time: any other is closed right after its answer. Owns the sockets. Not thread-safe.
class LingeringClose {
 public:
  // The tokens that this gives to the poller are `token_bit` plus an id below it. The poller must outlive this.
  LingeringClose(Poller* poller, uint64_t token_bit) : poller_(poller), token_bit_(token_bit) {}
  LingeringClose(const LingeringClose&) = delete;
  LingeringClose& operator=(const LingeringClose&) = delete;

  // Sends `answer`, then closes `socket`, which the poller must not watch. With an empty answer it is closed at once.
  void Begin(Descriptor socket, std::string_view answer, uint64_t now_ms);
  // The poller reported the token with this id: the client has sent something or has closed.
  void OnReadable(uint32_t id);
  // Closes the connections whose time is over.
  void OnTime(uint64_t now_ms);
  // When the next connection must be closed. UINT64_MAX if there is none.
  uint64_t DueMs() const { return lingering_.empty() ? UINT64_MAX : lingering_.begin()->second.deadline_ms; }
  size_t count() const { return lingering_.size(); }

 private:
  struct Lingering {
    Descriptor socket;
    uint64_t deadline_ms;
  };
  void Close(std::map<uint32_t, Lingering>::iterator connection);

  Poller* const poller_;
  const uint64_t token_bit_;
  // By id. Ids grow and every connection gets the same time, so the first one is due first.
  std::map<uint32_t, Lingering> lingering_;
  uint32_t next_id_ = 0;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_LINGERING_CLOSE_H_
