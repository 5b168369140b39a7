// What other threads ask of the acceptor; what its own thread does is in acceptor.cc, and by what it chooses, in acceptor_choice.cc.
#include <cerrno>
#include <iterator>

#include "handoff/primary/acceptor.h"

namespace limpet {

// Holds the state for a caller, and wakes the thread to what has changed.
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
    : memory_(memory), settings_(settings), notify_(notify), context_(context), heads_(&poller_, kHead, settings.heads, Placed, this) {
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
  const Status status = Outbox(slot, &queue);
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

void Acceptor::Serve(uint32_t id, Service service, std::vector<uint16_t> detour) {
  const Guard guard(this);
  const auto source = sources_.find(id);
  if (source == sources_.end()) return;
  source->second.detour = std::move(detour);
  const bool overflows = source->second.overflowed && service == Service::kWatched;
  if (!overflows) source->second.service = service;
  source->second.overflowed = overflows;
  if (source->second.service == Service::kServed) {
    Poll(id, source->second);
  } else {
    Unpoll(source->second);
  }
}

void Acceptor::Remove(uint32_t id, bool drain) {
  const Guard guard(this);
  const auto source = sources_.find(id);
  if (source == sources_.end()) return;
  Close(source, drain);
  Flush();
}

void Acceptor::Close(std::map<uint32_t, Source>::iterator source, bool drain) {
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
    if (const Status status = Outbox(slot, &queue); !status.ok()) return status;
  }
  owners_ = std::move(owners);
  homes_ = std::move(homes);
  serving_ = serving;

  std::vector<Connection> waiting;
  for (uint32_t slot = 0; slot < queues_.size(); ++slot) {
    if (!queues_[slot]) continue;
    if (!serving.test(slot)) queues_[slot]->TakeBackUnread();
    const std::deque<Connection> queue = queues_[slot]->TakeAll();
    waiting.insert(waiting.end(), queue.begin(), queue.end());
  }
  for (const Connection& connection : waiting) {
    const uint16_t slot = SlotOf(connection);
    queues_[slot]->Push(connection);
    to_flush_.set(slot);
  }
  for (auto& [id, source] : sources_) Poll(id, source);
  Flush();
  return Status::Ok();
}

Status Acceptor::Attach(uint32_t slot, uint8_t listener, uint32_t worker_index) {
  const Guard guard(this);
  if (stopping_) return Status::Ok();
  SlotQueue* queue = nullptr;
  if (const Status status = Outbox(slot, &queue); !status.ok()) return status;
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
    if (source->second.listener == listener) Close(source, true);
    source = next;
  }
  heads_.Drop(listener, false);
  closing_.push_back(listener);
  Flush();
}

bool Acceptor::IsEmpty(uint8_t listener) {
  const Guard guard(this);
  return HoldsNothing(listener);
}

size_t Acceptor::CloseQueued(uint8_t listener) {
  const Guard guard(this);
  size_t abandoned = heads_.Drop(listener, true);
  for (uint32_t slot = 0; slot < queues_.size(); ++slot) {
    SlotQueue* const queue = queues_[slot].get();
    if (queue == nullptr) continue;
    queue->TakeBackUnread();
    to_flush_.set(slot);
    for (const Connection& connection : queue->TakeAll()) {
      if (connection.listener != listener) {
        queue->Push(connection);
        continue;
      }
      close(connection.fd);
      queue->CountRefused(SlotCell::kAbandoned);
      ++abandoned;
    }
  }
  Flush();
  return abandoned;
}

}  // namespace limpet
