// A descriptor of a worker, on the process's own libuv loop.
#ifndef LIMPET_HANDOFF_WATCHED_DESCRIPTOR_H_
#define LIMPET_HANDOFF_WATCHED_DESCRIPTOR_H_

#include <uv.h>

#include <atomic>
#include <cstdint>

#include "handoff/status.h"

namespace limpet {

// Watched for reading; rests for a while, 10 ms doubling to 1 s, when there is no room for what it brings. Deletes itself when
// libuv has let go of both handles.
class WatchedDescriptor {
 public:
  struct Closer {
    void operator()(WatchedDescriptor* watched) const { watched->Close(); }
  };

  WatchedDescriptor(const WatchedDescriptor&) = delete;
  WatchedDescriptor& operator=(const WatchedDescriptor&) = delete;

  // From now on nothing wakes it.
  void Close();

 protected:
  // `starved` counts the rests, until Close.
  WatchedDescriptor(uv_loop_t* loop, std::atomic<double>* starved);
  virtual ~WatchedDescriptor() = default;

  // Watches `fd`, which must stay open until CloseDescriptor. To be closed also where this fails.
  Status Start(int fd);
  // The descriptor can be read, or has rested.
  virtual void Wake() = 0;
  // Closes the descriptor, if it is its own: at once, not when libuv has let go of the handles. What a client
  // puts into a listening socket's queue until then would be reset.
  virtual void CloseDescriptor() {}

  void Watch();
  void Unwatch();
  // Watches no more until a time has passed, then wakes.
  void BackOff();
  // The next rest is a short one again.
  void ResetBackoff();

 private:
  static void Closed(uv_handle_t* handle);

  uv_loop_t* const loop_;
  std::atomic<double>* const starved_;
  bool closing_ = false;
  uv_poll_t poll_;
  uv_timer_t timer_;
  int handles_ = 2;
  uint64_t backoff_ms_;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_WATCHED_DESCRIPTOR_H_
