#include "handoff/primary/slot_queue.h"

#include <algorithm>

namespace limpet {

SlotOutbox::~SlotOutbox() {
  if (channel_.worker_end.valid()) TakeBack();
  for (const Passed& connection : queue_) close(connection.fd);
}

void SlotOutbox::Seat(uint8_t listener, uint32_t row) {
  seated_[listener] = true;
  row_ = row;
}

void SlotOutbox::Unseat(uint8_t listener) {
  seated_[listener] = false;
  TakeBack();
}

void SlotOutbox::Push(const Passed& connection) {
  queue_.push_back(connection);
  ShowQueued();
}

std::deque<Passed> SlotOutbox::TakeQueue() {
  std::deque<Passed> taken = std::exchange(queue_, {});
  ShowQueued();
  return taken;
}

void SlotOutbox::TakeBack() {
  std::vector<Passed> unread;
  Passed batch[kMessageMax];
  for (;;) {
    size_t count = 0;
    // Without room the kernel would drop descriptors: what stays in the channel waits for the next process.
    if (in_channel() == 0 || DescriptorsLeft() < kMessageMax) break;
    if (ReceiveConnections(worker_end(), batch, &count) != Transfer::kDone) break;
    unread.insert(unread.end(), batch, batch + count);
  }
  CountHanded(unread.data(), unread.size(), -1);
  PutInFront(unread);
}

SlotOutbox::Flushed SlotOutbox::Flush() {
  const auto goes = [this](const Passed& connection) { return seated_[connection.listener]; };
  auto next = std::find_if(queue_.begin(), queue_.end(), goes);
  while (next != queue_.end()) {
    size_t room = Room();
    if (room == 0) {
      // Pairs with WorkerInbox's Offer: it writes its credits, then looks whether we are hungry.
      cell(SlotCell::kHungry).store(1);
      room = Room();
      if (room == 0) return Flushed::kDone;
    }
    Passed batch[kMessageMax];
    size_t count = 0;
    const auto first = next;
    for (; next != queue_.end() && count < std::min(room, kMessageMax); ++next) {
      if (!goes(*next)) break;
      batch[count++] = *next;
    }
    if (SendConnections(primary_end(), batch, count) != Transfer::kDone) return Flushed::kRetry;
    for (size_t i = 0; i < count; ++i) close(batch[i].fd);
    CountHanded(batch, count, 1);
    next = std::find_if(queue_.erase(first, next), queue_.end(), goes);
    ShowQueued();
  }
  return Flushed::kDone;
}

SlotOutbox::Flushed SlotOutbox::Read() {
  cell(SlotCell::kHungry).store(0);
  std::vector<Passed> returned;
  Passed batch[kMessageMax];
  while (WaitingIn(primary_end()) > 0) {
    size_t count = 0;
    if (DescriptorsLeft() < kMessageMax) {
      PutInFront(returned);
      return Flushed::kRetry;
    }
    if (ReceiveConnections(primary_end(), batch, &count) == Transfer::kBroken) break;
    returned.insert(returned.end(), batch, batch + count);
  }
  CountHanded(returned.data(), returned.size(), -1);
  PutInFront(returned);
  return Flushed::kDone;
}

size_t SlotOutbox::queued(uint8_t listener) const {
  return static_cast<size_t>(std::count_if(queue_.begin(), queue_.end(), [&](const Passed& connection) {
    return connection.listener == listener;
  }));
}

size_t SlotOutbox::Load() const {
  const double open = page_->worker(row_, WorkerCell::kAccepted).load() - page_->worker(row_, WorkerCell::kClosed).load();
  return static_cast<size_t>(std::max(open, 0.0)) + in_channel() + queue_.size();
}

size_t SlotOutbox::Room() const {
  const double credits = page_->worker(row_, WorkerCell::kCredits).load();
  const double waiting = static_cast<double>(in_channel());
  return credits > waiting ? static_cast<size_t>(credits - waiting) : 0;
}

void SlotOutbox::CountHanded(const Passed* connections, size_t count, double sign) {
  const auto diverted = std::count_if(connections, connections + count, [this](const Passed& connection) {
    return connection.HomeIn(*homes_) != slot_;
  });
  Count(cell(SlotCell::kHanded), sign * static_cast<double>(count));
  Count(cell(SlotCell::kDiverted), sign * static_cast<double>(diverted));
}

void SlotOutbox::PutInFront(const std::vector<Passed>& connections) {
  queue_.insert(queue_.begin(), connections.begin(), connections.end());
  ShowQueued();
}

}  // namespace limpet
