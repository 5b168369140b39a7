#include "handoff/primary/slot_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace limpet {
namespace {

// Receives one message from `channel` and appends its connections.
Transfer ReceiveInto(std::vector<Connection>* received, int channel) {
  Connection message[kMessageMax];
  size_t count = 0;
  const Transfer transfer = ReceiveConnections(channel, message, &count);
  received->insert(received->end(), std::make_move_iterator(message), std::make_move_iterator(message + count));
  return transfer;
}

}  // namespace

SlotQueue::~SlotQueue() {
  if (channel_.worker_end.valid()) TakeBackUnread();
}

void SlotQueue::Attach(uint8_t listener, uint32_t worker_index) {
  attached_[listener] = true;
  worker_index_ = worker_index;
}

void SlotQueue::Detach(uint8_t listener) {
  attached_[listener] = false;
  TakeBackUnread();
}

void SlotQueue::Push(Connection connection) {
  queue_.push_back(std::move(connection));
  PublishQueued();
}

std::deque<Connection> SlotQueue::TakeAll() {
  std::deque<Connection> taken = std::exchange(queue_, {});
  PublishQueued();
  return taken;
}

void SlotQueue::TakeBackUnread() {
  std::vector<Connection> unread;
  // Without free descriptors the kernel would drop connections. They stay in the channel instead, for the slot's next process.
  while (in_channel() > 0 && DescriptorsLeft() >= kMessageMax) {
    if (ReceiveInto(&unread, worker_end()) != Transfer::kDone) break;
  }
  for (const Connection& connection : unread) CountHanded(connection, -1);
  PutInFront(std::move(unread));
}

SlotQueue::Result SlotQueue::Flush() {
  for (Iterator next = NextToSend(queue_.begin()); next != queue_.end(); next = NextToSend(next)) {
    const size_t credits = CreditsOrRequest();
    if (credits == 0) return Result::kDone;
    if (!SendMessage(next, std::min(credits, kMessageMax))) return Result::kRetry;
  }
  return Result::kDone;
}

SlotQueue::Result SlotQueue::Receive() {
  CellAt(SlotCell::kHungry).store(0);
  std::vector<Connection> returned;
  while (WaitingIn(primary_end()) > 0) {
    if (DescriptorsLeft() < kMessageMax) {
      PutInFront(std::move(returned));
      return Result::kRetry;
    }
    if (ReceiveInto(&returned, primary_end()) == Transfer::kBroken) break;
  }
  for (const Connection& connection : returned) CountHanded(connection, -1);
  PutInFront(std::move(returned));
  return Result::kDone;
}

size_t SlotQueue::queued(uint8_t listener) const {
  return static_cast<size_t>(std::count_if(queue_.begin(), queue_.end(), [&](const Connection& connection) {
    return connection.listener == listener;
  }));
}

size_t SlotQueue::Load() const {
  const double accepted = memory_->worker(worker_index_, WorkerCell::kAccepted).load();
  const double closed = memory_->worker(worker_index_, WorkerCell::kClosed).load();
  return static_cast<size_t>(std::max(accepted - closed, 0.0)) + in_channel() + queue_.size();
}

SlotQueue::Iterator SlotQueue::NextToSend(Iterator from) {
  return std::find_if(from, queue_.end(), [this](const Connection& connection) { return IsAttached(connection); });
}

bool SlotQueue::SendMessage(Iterator& next, size_t max) {
  const Connection* message[kMessageMax];
  size_t count = 0;
  Iterator behind = next;
  for (; behind != queue_.end() && count < max && IsAttached(*behind); ++behind) message[count++] = &*behind;
  if (SendConnections(primary_end(), {message, count}) != Transfer::kDone) return false;
  std::for_each(next, behind, [this](const Connection& connection) { CountHanded(connection, 1); });
  next = queue_.erase(next, behind);
  PublishQueued();
  return true;
}

size_t SlotQueue::Credits() const {
  const double credits = memory_->worker(worker_index_, WorkerCell::kCredits).load();
  const double waiting = static_cast<double>(in_channel());
  return credits > waiting ? static_cast<size_t>(credits - waiting) : 0;
}

size_t SlotQueue::CreditsOrRequest() {
  if (const size_t credits = Credits(); credits > 0) return credits;
  // The worker writes its credits, then reads kHungry. Here kHungry is written, then the credits are read. So no wakeup is lost.
  CellAt(SlotCell::kHungry).store(1);
  return Credits();
}

void SlotQueue::CountHanded(const Connection& connection, double change) {
  Count(CellAt(SlotCell::kHanded), change);
  if (connection.HomeIn(*homes_) != slot_) Count(CellAt(SlotCell::kDiverted), change);
}

void SlotQueue::PutInFront(std::vector<Connection> connections) {
  queue_.insert(queue_.begin(), std::make_move_iterator(connections.begin()), std::make_move_iterator(connections.end()));
  PublishQueued();
}

void SlotQueue::PublishQueued() {
  CellAt(SlotCell::kQueued).store(static_cast<double>(queue_.size()), std::memory_order_relaxed);
}

}  // namespace limpet
