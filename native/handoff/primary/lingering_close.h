// Connections that are answered and closed without ever reaching a worker.
#ifndef LIMPET_HANDOFF_PRIMARY_LINGERING_CLOSE_H_
#define LIMPET_HANDOFF_PRIMARY_LINGERING_CLOSE_H_

#include <cstdint>
#include <map>
#include <string_view>

#include "handoff/poller.h"

namespace limpet {

// A connection that is closed with bytes unread is reset, and a reset can overtake the answer. So after its answer each one
// is half closed, and what still comes is thrown away, until the client closes too or a second has passed. Owns the
// descriptors. Not thread-safe.
class LingeringClose {
 public:
  // Tokens given to the poller have `token_bit` set, and an id below it. The poller must outlive this.
  LingeringClose(Poller* poller, uint64_t token_bit) : poller_(poller), token_bit_(token_bit) {}
  ~LingeringClose();
  LingeringClose(const LingeringClose&) = delete;
  LingeringClose& operator=(const LingeringClose&) = delete;

  // Takes ownership of `fd`, which the poller must not know. An empty answer closes it at once.
  void Say(int fd, std::string_view answer, uint64_t now_ms);
  // The poller reported the token with this id.
  void Wake(uint32_t id);
  void OnTime(uint64_t now_ms);
  // When something will be due; UINT64_MAX when nothing will.
  uint64_t DueMs() const { return partings_.empty() ? UINT64_MAX : partings_.begin()->second.deadline_ms; }

 private:
  struct Parting {
    int fd;
    uint64_t deadline_ms;
  };
  void Close(std::map<uint32_t, Parting>::iterator parting);

  Poller* const poller_;
  const uint64_t token_bit_;
  // Ids grow, and all have the same time: the first is the first due.
  std::map<uint32_t, Parting> partings_;
  uint32_t next_id_ = 0;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_LINGERING_CLOSE_H_
