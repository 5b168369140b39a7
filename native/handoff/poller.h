// Waiting for descriptors to become readable: epoll on Linux, kqueue on macOS (the latter compiled for, never run).
#ifndef LIMPET_HANDOFF_POLLER_H_
#define LIMPET_HANDOFF_POLLER_H_

#include <cstddef>
#include <cstdint>

#include "handoff/descriptor.h"
#include "handoff/status.h"

namespace limpet {

// Level-triggered, but for AddArrivals. Add, Remove and Wake may be called while another thread waits.
class Poller {
 public:
  Status Open();

  // `token`, never UINT64_MAX, is what Wait reports.
  Status Add(int fd, uint64_t token);
  // The same, edge-triggered: reported once for each arrival, a half-close included, whether it is read or not.
  Status AddArrivals(int fd, uint64_t token);
  // Before `fd` is closed, always: another process may hold the same socket, and then closing alone does not remove it.
  void Remove(int fd);

  // Writes the tokens of what is readable, at most `max`; how many. `timeout_ms` -1 waits for ever.
  size_t Wait(int timeout_ms, uint64_t* tokens, size_t max);
  // Makes the present or the next Wait return.
  void Wake();

 private:
  Status Add(int fd, uint64_t token, uint32_t events);

  Descriptor poll_;
  Descriptor wake_;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_POLLER_H_
