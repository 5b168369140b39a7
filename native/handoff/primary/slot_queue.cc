#include "handoff/primary/slot_queue.h"

#include <algorithm>

namespace limpet {

SlotQueue::~SlotQueue() {
  if (channel_.worker_end.valid()) TakeBackUnread();
  for (const Connection& connection : queue_) close(connection.fd);
}

void SlotQueue::Attach(uint8_t listener, uint32_t worker_index) {
  attached_[listener] = true;
  worker_index_ = worker_index;
}

void SlotQueue::Detach(uint8_t listener) {
  attached_[listener] = false;
  TakeBackUnread();
}

void SlotQueue::Push(const Connection& connection) {
  queue_.push_back(connection);
  ShowQueued();
}

std::deque<Connection> SlotQueue::TakeAll() {
  std::deque<Connection> taken = std::exchange(queue_, {});
  ShowQueued();
  return taken;
}

void SlotQueue::TakeBackUnread() {
  std::vector<Connection> unread;
  Connection batch[kMessageMax];
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

SlotQueue::Flushed SlotQueue::Flush() {
  const auto goes = [this](const Connection& connection) { return attached_[connection.listener]; };
  auto next = std::find_if(queue_.begin(), queue_.end(), goes);
  while (next != queue_.end()) {
    size_t room = Room();
    if (room == 0) {
      // Pairs with WorkerInbox's Offer: it writes its credits, then looks whether we are hungry.
      cell(SlotCell::kHungry).store(1);
      room = Room();
      if (room == 0) return Flushed::kDone;
    }
    Connection batch[kMessageMax];
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

SlotQueue::Flushed SlotQueue::Read() {
  cell(SlotCell::kHungry).store(0);
  std::vector<Connection> returned;
  Connection batch[kMessageMax];
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

size_t SlotQueue::queued(uint8_t listener) const {
  return static_cast<size_t>(std::count_if(queue_.begin(), queue_.end(), [&](const Connection& connection) {
    return connection.listener == listener;
  }));
}

size_t SlotQueue::Load() const {
  const double open = memory_->worker(worker_index_, WorkerCell::kAccepted).load() - memory_->worker(worker_index_, WorkerCell::kClosed).load();
  return static_cast<size_t>(std::max(open, 0.0)) + in_channel() + queue_.size();
}

size_t SlotQueue::Room() const {
  const double credits = memory_->worker(worker_index_, WorkerCell::kCredits).load();
  const double waiting = static_cast<double>(in_channel());
  return credits > waiting ? static_cast<size_t>(credits - waiting) : 0;
}

void SlotQueue::CountHanded(const Connection* connections, size_t count, double sign) {
  const auto diverted = std::count_if(connections, connections + count, [this](const Connection& connection) {
    return connection.HomeIn(*homes_) != slot_;
  });
  Count(cell(SlotCell::kHanded), sign * static_cast<double>(count));
  Count(cell(SlotCell::kDiverted), sign * static_cast<double>(diverted));
}

void SlotQueue::PutInFront(const std::vector<Connection>& connections) {
  queue_.insert(queue_.begin(), connections.begin(), connections.end());
  ShowQueued();
}

}  // namespace limpet
