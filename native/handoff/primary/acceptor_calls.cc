// The calls of other threads to the acceptor. acceptor.cc has what its own thread does, acceptor_choice.cc how it chooses a slot.
#include <cerrno>
#include <deque>
#include <iterator>
#include <utility>

#include "handoff/primary/acceptor.h"

namespace limpet {

// Holds the acceptor's state for a caller. At the end it wakes the acceptor's thread, which then sees what has changed.
class Acceptor::Guard {
 public:
  explicit Guard(Acceptor* acceptor) : acceptor_(acceptor) {
    uv_mutex_lock(&acceptor_->entry_lock_);
    uv_mutex_lock(&acceptor_->state_lock_);
  }
  ~Guard() {
    uv_mutex_unlock(&acceptor_->state_lock_);
    uv_mutex_unlock(&acceptor_->entry_lock_);
    acceptor_->poller_.Wake();
  }

 private:
  Acceptor* const acceptor_;
};

Acceptor::Acceptor(const SharedMemory* memory, Settings settings, Notify notify, void* context)
    : memory_(memory),
      settings_(settings),
      notify_(notify),
      context_(context),
      heads_(&poller_, kHead, settings.heads, OnPlacement, this) {
  uv_mutex_init(&entry_lock_);
  uv_mutex_init(&state_lock_);
}

Acceptor::~Acceptor() {
  Stop();
  uv_mutex_destroy(&state_lock_);
  uv_mutex_destroy(&entry_lock_);
}

Status Acceptor::Start() {
  if (const Status status = poller_.Open(); !status.ok()) return status;
  const int failed = uv_thread_create(&thread_, Main, this);
  if (failed != 0) return Status::System("uv_thread_create", -failed);
  running_ = true;
  return Status::Ok();
}

void Acceptor::Stop() {
  if (stopping_) return;
  {
    const Guard guard(this);
    stopping_ = true;
  }
  if (running_) uv_thread_join(&thread_);
  sources_.clear();
  for (std::unique_ptr<SlotQueue>& queue : queues_) queue.reset();
}

Status Acceptor::ChannelEnd(uint32_t slot, int* fd) {
  const Guard guard(this);
  if (stopping_) return Status::System("socketpair", ESHUTDOWN);
  SlotQueue* queue = nullptr;
  const Status status = QueueOf(slot, &queue);
  if (status.ok()) *fd = queue->worker_end();
  return status;
}

uint32_t Acceptor::Add(uint8_t listener, Descriptor socket, uint16_t pinned) {
  const Guard guard(this);
  Source& source = sources_[next_source_];
  source.listener = listener;
  source.pinned = pinned;
  source.socket = std::move(socket);
  return next_source_++;
}

void Acceptor::Serve(uint32_t id, AcceptMode mode, std::vector<uint16_t> detour) {
  const Guard guard(this);
  const auto source = sources_.find(id);
  if (source == sources_.end()) return;
  source->second.detour = std::move(detour);
  const bool overflows = source->second.overflowed && mode == AcceptMode::kWatched;
  if (!overflows) source->second.mode = mode;
  source->second.overflowed = overflows;
  if (source->second.mode == AcceptMode::kServed) {
    Poll(id, source->second);
  } else {
    Unpoll(source->second);
  }
}

void Acceptor::Remove(uint32_t id, bool drain) {
  const Guard guard(this);
  const auto source = sources_.find(id);
  if (source == sources_.end()) return;
  CloseSource(source, drain);
  Flush();
}

void Acceptor::CloseSource(Sources::iterator source, bool drain) {
  if (drain && !owners_.empty()) AcceptAll(source->second);
  Unpoll(source->second);
  sources_.erase(source);
}

void Acceptor::SetAffinity(uint8_t listener, SharedChain chain) {
  const Guard guard(this);
  chains_[listener] = std::move(chain);
}

std::array<uint64_t, kRefusalCount> Acceptor::Refused() {
  const Guard guard(this);
  return heads_.refused();
}

BusiestClient Acceptor::Busiest() {
  const Guard guard(this);
  return busiest_;
}

Status Acceptor::UpdateRing(std::vector<uint16_t> owners, std::vector<uint16_t> homes) {
  const Guard guard(this);
  if (stopping_) return Status::Ok();
  std::bitset<SharedMemory::kSlots> serving;
  for (const uint16_t owner : owners) serving.set(owner);
  for (uint32_t slot = 0; slot < serving.size(); ++slot) {
    SlotQueue* queue = nullptr;
    if (!serving.test(slot)) continue;
    if (const Status status = QueueOf(slot, &queue); !status.ok()) return status;
  }
  owners_ = std::move(owners);
  homes_ = std::move(homes);
  serving_ = serving;
  RequeueWaiting();
  for (auto& [id, source] : sources_) Poll(id, source);
  Flush();
  return Status::Ok();
}

// Moves each waiting connection to the queue of the slot that gets it by the present ring.
void Acceptor::RequeueWaiting() {
  std::vector<Connection> waiting;
  for (uint32_t slot = 0; slot < queues_.size(); ++slot) {
    if (!queues_[slot]) continue;
    if (!serving_.test(slot)) queues_[slot]->TakeBackUnread();
    std::deque<Connection> queued = queues_[slot]->TakeAll();
    waiting.insert(waiting.end(), std::make_move_iterator(queued.begin()), std::make_move_iterator(queued.end()));
  }
  for (Connection& connection : waiting) {
    const uint16_t slot = SlotOf(connection);
    queues_[slot]->Push(std::move(connection));
    to_flush_.set(slot);
  }
}

Status Acceptor::Attach(uint32_t slot, uint8_t listener, uint32_t worker_index) {
  const Guard guard(this);
  if (stopping_) return Status::Ok();
  SlotQueue* queue = nullptr;
  if (const Status status = QueueOf(slot, &queue); !status.ok()) return status;
  queue->Attach(listener, worker_index);
  to_flush_.set(slot);
  Flush();
  return Status::Ok();
}

void Acceptor::Detach(uint32_t slot, uint8_t listener) {
  const Guard guard(this);
  if (!queues_[slot]) return;
  queues_[slot]->Detach(listener);
  to_flush_.set(slot);
  Flush();
}

size_t Acceptor::Queued(uint32_t slot, uint8_t listener) {
  const Guard guard(this);
  return queues_[slot] ? queues_[slot]->queued(listener) : 0;
}

void Acceptor::Close(uint8_t listener) {
  const Guard guard(this);
  for (auto source = sources_.begin(); source != sources_.end();) {
    const auto next = std::next(source);
    if (source->second.listener == listener) CloseSource(source, true);
    source = next;
  }
  heads_.Drop(listener, false);
  closing_.push_back(listener);
  Flush();
}

bool Acceptor::IsEmpty(uint8_t listener) {
  const Guard guard(this);
  return HoldsNothingOf(listener);
}

size_t Acceptor::CloseQueued(uint8_t listener) {
  const Guard guard(this);
  size_t closed = heads_.Drop(listener, true);
  for (uint32_t slot = 0; slot < queues_.size(); ++slot) {
    SlotQueue* const queue = queues_[slot].get();
    if (queue == nullptr) continue;
    queue->TakeBackUnread();
    to_flush_.set(slot);
    for (Connection& connection : queue->TakeAll()) {
      if (connection.listener != listener) {
        queue->Push(std::move(connection));
        continue;
      }
      queue->CountRefused(SlotCell::kAbandoned);
      ++closed;
    }
  }
  Flush();
  return closed;
}

}  // namespace limpet
