// Waits until descriptors are readable, by epoll on Linux and kqueue on macOS. The macOS part has been compiled, but never run.
#ifndef LIMPET_HANDOFF_POLLER_H_
#define LIMPET_HANDOFF_POLLER_H_

#include <cstddef>
#include <cstdint>

#include "handoff/descriptor.h"
#include "handoff/status.h"

namespace limpet {

// Level-triggered, except for AddArrivals. Add, Remove and Wake may be called while another thread waits.
class Poller {
 public:
  Status Open();

  // Watches `fd`. Wait reports `token`, which must not be UINT64_MAX.
  Status Add(int fd, uint64_t token);
  // The same, but edge-triggered: each arrival of bytes and a half-close is reported once, even if nothing is read.
  Status AddArrivals(int fd, uint64_t token);
  // Must be called before `fd` is closed. If another process has the same socket, closing it here does not remove it from epoll.
  void Remove(int fd);

  // Writes the tokens of readable descriptors, at most `max`, and returns how many. A `timeout_ms` of -1 waits for ever.
  size_t Wait(int timeout_ms, uint64_t* tokens, size_t max);
  // Makes the present Wait return, or the next one.
  void Wake();

 private:
  Status Add(int fd, uint64_t token, uint32_t events);

  Descriptor poll_;
  Descriptor wake_;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_POLLER_H_
