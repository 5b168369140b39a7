// A descriptor that a worker watches on its own libuv loop.
#ifndef LIMPET_HANDOFF_WATCHED_DESCRIPTOR_H_
#define LIMPET_HANDOFF_WATCHED_DESCRIPTOR_H_

#include <uv.h>

#include <atomic>
#include <cstdint>

#include "handoff/status.h"

namespace limpet {

// Calls Wake when the descriptor is readable. Backs off for 10 ms, doubling to 1 s, while there is no room for what can be read.
// Deletes itself when libuv has closed both handles.
class WatchedDescriptor {
 public:
  struct Closer {
    void operator()(WatchedDescriptor* watched) const { watched->Close(); }
  };

  WatchedDescriptor(const WatchedDescriptor&) = delete;
  WatchedDescriptor& operator=(const WatchedDescriptor&) = delete;

  // Wake is not called again.
  void Close();

 protected:
  // `starved` counts the backoffs. It must be valid until Close.
  WatchedDescriptor(uv_loop_t* loop, std::atomic<double>* starved);
  virtual ~WatchedDescriptor() = default;

  // Watches `fd`, which must stay open until CloseDescriptor. Close must be called also if this fails.
  Status Start(int fd);
  // The descriptor is readable, or a backoff is over.
  virtual void Wake() = 0;
  // Closes the descriptor, if this owns it. Close calls it at once. If it waited until libuv has closed the handles, connections that
  // arrive in a listening socket meanwhile would be reset.
  virtual void CloseDescriptor() {}

  void Watch();
  void Unwatch();
  // Stops watching for a while, then watches again and calls Wake.
  void BackOff();
  // The next backoff takes 10 ms again.
  void ResetBackoff();

 private:
  static void OnClosed(uv_handle_t* handle);

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
