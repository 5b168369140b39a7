// What other threads ask of the acceptor; what its own thread does is in acceptor.cc, and by what it chooses, in acceptor_choice.cc.
#include <cerrno>
#include <iterator>

#include "handoff/primary/acceptor.h"

namespace limpet {

// Holds the state for a caller, and wakes the thread to what has changed.
class Acceptor::Guard {
 public:
  explicit Guard(Acceptor* acceptor) : acceptor_(acceptor) {
    uv_mutex_lock(&acceptor_->door_);
    uv_mutex_lock(&acceptor_->state_);
  }
  ~Guard() {
    uv_mutex_unlock(&acceptor_->state_);
    uv_mutex_unlock(&acceptor_->door_);
    acceptor_->poller_.Wake();
  }

 private:
  Acceptor* const acceptor_;
};

Acceptor::Acceptor(const SharedPage* page, Settings settings, Notify notify, void* context)
    : page_(page), settings_(settings), notify_(notify), context_(context), heads_(&poller_, kHead, settings.heads, Placed, this) {
  uv_mutex_init(&door_);
  uv_mutex_init(&state_);
}

Acceptor::~Acceptor() {
  Stop();
  uv_mutex_destroy(&state_);
  uv_mutex_destroy(&door_);
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
  for (std::unique_ptr<SlotOutbox>& outbox : outboxes_) outbox.reset();
}

Status Acceptor::ChannelEnd(uint32_t slot, int* fd) {
  const Guard guard(this);
  if (stopping_) return Status::System("socketpair", ESHUTDOWN);
  SlotOutbox* outbox = nullptr;
  const Status status = Outbox(slot, &outbox);
  if (status.ok()) *fd = outbox->worker_end();
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

void Acceptor::PlaceBy(uint8_t listener, SharedChain chain) {
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

Status Acceptor::Retable(std::vector<uint16_t> owners, std::vector<uint16_t> homes) {
  const Guard guard(this);
  if (stopping_) return Status::Ok();
  std::bitset<SharedPage::kSlots> serving;
  for (const uint16_t owner : owners) serving.set(owner);
  for (uint32_t slot = 0; slot < serving.size(); ++slot) {
    SlotOutbox* outbox = nullptr;
    if (!serving.test(slot)) continue;
    if (const Status status = Outbox(slot, &outbox); !status.ok()) return status;
  }
  owners_ = std::move(owners);
  homes_ = std::move(homes);
  serving_ = serving;

  std::vector<Passed> waiting;
  for (uint32_t slot = 0; slot < outboxes_.size(); ++slot) {
    if (!outboxes_[slot]) continue;
    if (!serving.test(slot)) outboxes_[slot]->TakeBack();
    const std::deque<Passed> queue = outboxes_[slot]->TakeQueue();
    waiting.insert(waiting.end(), queue.begin(), queue.end());
  }
  for (const Passed& connection : waiting) {
    const uint16_t slot = SlotOf(connection);
    outboxes_[slot]->Push(connection);
    to_flush_.set(slot);
  }
  for (auto& [id, source] : sources_) Poll(id, source);
  Flush();
  return Status::Ok();
}

Status Acceptor::Seat(uint32_t slot, uint8_t listener, uint32_t row) {
  const Guard guard(this);
  if (stopping_) return Status::Ok();
  SlotOutbox* outbox = nullptr;
  if (const Status status = Outbox(slot, &outbox); !status.ok()) return status;
  outbox->Seat(listener, row);
  to_flush_.set(slot);
  Flush();
  return Status::Ok();
}

void Acceptor::Unseat(uint32_t slot, uint8_t listener) {
  const Guard guard(this);
  if (!outboxes_[slot]) return;
  outboxes_[slot]->Unseat(listener);
  to_flush_.set(slot);
  Flush();
}

size_t Acceptor::Queued(uint32_t slot, uint8_t listener) {
  const Guard guard(this);
  return outboxes_[slot] ? outboxes_[slot]->queued(listener) : 0;
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

bool Acceptor::Settled(uint8_t listener) {
  const Guard guard(this);
  return IsSettled(listener);
}

size_t Acceptor::Abandon(uint8_t listener) {
  const Guard guard(this);
  size_t abandoned = heads_.Drop(listener, true);
  for (uint32_t slot = 0; slot < outboxes_.size(); ++slot) {
    SlotOutbox* const outbox = outboxes_[slot].get();
    if (outbox == nullptr) continue;
    outbox->TakeBack();
    to_flush_.set(slot);
    for (const Passed& connection : outbox->TakeQueue()) {
      if (connection.listener != listener) {
        outbox->Push(connection);
        continue;
      }
      close(connection.fd);
      outbox->CountRefused(SlotCell::kAbandoned);
      ++abandoned;
    }
  }
  Flush();
  return abandoned;
}

}  // namespace limpet
