#include "handoff/watched_descriptor.h"

#include <algorithm>

#include "handoff/shared_memory.h"

namespace limpet {
namespace {

constexpr uint64_t kBackoffMinMs = 10;
constexpr uint64_t kBackoffMaxMs = 1000;

}  // namespace

WatchedDescriptor::WatchedDescriptor(uv_loop_t* loop, std::atomic<double>* starved)
    : loop_(loop), starved_(starved), backoff_ms_(kBackoffMinMs) {
  uv_timer_init(loop, &timer_);
  timer_.data = this;
  poll_.data = this;
}

Status WatchedDescriptor::Start(int fd) {
  const int failed = uv_poll_init(loop_, &poll_, fd);
  if (failed != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnClosed);
    handles_ = 1;
    return Status::System("uv_poll_init", -failed);
  }
  Watch();
  return Status::Ok();
}

void WatchedDescriptor::Close() {
  closing_ = true;
  if (handles_ < 2) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  CloseDescriptor();
}

void WatchedDescriptor::Watch() {
  if (closing_) return;
  uv_poll_start(&poll_, UV_READABLE,
                [](uv_poll_t* poll, int, int) { static_cast<WatchedDescriptor*>(poll->data)->Wake(); });
}

void WatchedDescriptor::Unwatch() {
  uv_poll_stop(&poll_);
  uv_timer_stop(&timer_);
}

void WatchedDescriptor::BackOff() {
  Count(*starved_);
  uv_poll_stop(&poll_);
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        auto* watched = static_cast<WatchedDescriptor*>(timer->data);
        watched->Watch();
        watched->Wake();
      },
      backoff_ms_, 0);
  backoff_ms_ = std::min(backoff_ms_ * 2, kBackoffMaxMs);
}

void WatchedDescriptor::ResetBackoff() { backoff_ms_ = kBackoffMinMs; }

void WatchedDescriptor::OnClosed(uv_handle_t* handle) {
  auto* watched = static_cast<WatchedDescriptor*>(handle->data);
  if (--watched->handles_ == 0) delete watched;
}

}  // namespace limpet
