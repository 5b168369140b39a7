#include "handoff/poller.h"

#include <algorithm>
#include <cerrno>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#else
#include <sys/event.h>
#endif

namespace limpet {
namespace {

constexpr uint64_t kWake = UINT64_MAX;
constexpr size_t kEventsMax = 64;

}  // namespace

#if defined(__linux__)

Status Poller::Open() {
  poll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  if (!poll_.valid()) return Status::System("epoll_create1", errno);
  wake_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return Status::System("eventfd", errno);
  return Add(wake_.get(), kWake);
}

Status Poller::Add(int fd, uint64_t token) { return Add(fd, token, EPOLLIN); }

Status Poller::AddArrivals(int fd, uint64_t token) { return Add(fd, token, EPOLLIN | EPOLLRDHUP | EPOLLET); }

Status Poller::Add(int fd, uint64_t token, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return Status::System("epoll_ctl", errno);
  return Status::Ok();
}

void Poller::Remove(int fd) { epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

size_t Poller::Wait(int timeout_ms, uint64_t* tokens, size_t max) {
  epoll_event events[kEventsMax];
  const int count = epoll_wait(poll_.get(), events, static_cast<int>(std::min(max, kEventsMax)), timeout_ms);
  size_t reported = 0;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kWake) {
      uint64_t wakes;
      static_cast<void>(read(wake_.get(), &wakes, sizeof wakes));
    } else {
      tokens[reported++] = events[i].data.u64;
    }
  }
  return reported;
}

void Poller::Wake() {
  const uint64_t one = 1;
  static_cast<void>(!write(wake_.get(), &one, sizeof one));
}

#else

Status Poller::Open() {
  poll_ = Descriptor(kqueue());
  if (!poll_.valid()) return Status::System("kqueue", errno);
  fcntl(poll_.get(), F_SETFD, FD_CLOEXEC);
  struct kevent change;
  EV_SET(&change, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, reinterpret_cast<void*>(kWake));
  if (kevent(poll_.get(), &change, 1, nullptr, 0, nullptr) != 0) return Status::System("kevent", errno);
  return Status::Ok();
}

Status Poller::Add(int fd, uint64_t token) { return Add(fd, token, EV_ADD); }

Status Poller::AddArrivals(int fd, uint64_t token) { return Add(fd, token, EV_ADD | EV_CLEAR); }

Status Poller::Add(int fd, uint64_t token, uint32_t events) {
  struct kevent change;
  EV_SET(&change, fd, EVFILT_READ, static_cast<uint16_t>(events), 0, 0, reinterpret_cast<void*>(token));
  if (kevent(poll_.get(), &change, 1, nullptr, 0, nullptr) != 0) return Status::System("kevent", errno);
  return Status::Ok();
}

void Poller::Remove(int fd) {
  struct kevent change;
  EV_SET(&change, fd, EVFILT_READ, EV_DELETE, 0, 0, nullptr);
  kevent(poll_.get(), &change, 1, nullptr, 0, nullptr);
}

size_t Poller::Wait(int timeout_ms, uint64_t* tokens, size_t max) {
  struct kevent events[kEventsMax];
  const timespec timeout{timeout_ms / 1000, timeout_ms % 1000 * 1'000'000L};
  const int count = kevent(poll_.get(), nullptr, 0, events, static_cast<int>(std::min(max, kEventsMax)),
                           timeout_ms < 0 ? nullptr : &timeout);
  size_t reported = 0;
  for (int i = 0; i < count; ++i) {
    const auto token = reinterpret_cast<uint64_t>(events[i].udata);
    if (token != kWake) tokens[reported++] = token;
  }
  return reported;
}

void Poller::Wake() {
  struct kevent change;
  EV_SET(&change, 0, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
  kevent(poll_.get(), &change, 1, nullptr, 0, nullptr);
}

#endif

}  // namespace limpet
