#include "handoff/primary/acceptor.h"

#include <algorithm>
#include <cerrno>

#include "handoff/listen_socket.h"

namespace limpet {
namespace {

// So many connections of one socket, then the others get their turn and the state is free for a moment.
constexpr size_t kAcceptsARound = 64;
constexpr size_t kBacklogMax = 65536;
constexpr size_t kEventsARound = 64;

constexpr uint64_t kBackoffMinMs = 10;
constexpr uint64_t kBackoffMaxMs = 1000;
constexpr int kRetryMs = 2;
constexpr int kSettleMs = 2;
constexpr int kWatchMs = 25;
// Spreads small numbers over 32 bits.
constexpr uint32_t kGoldenRatio = 0x9e3779b1;

uint64_t NowMs() { return uv_hrtime() / 1'000'000; }

}  // namespace

void Acceptor::Main(void* self) { static_cast<Acceptor*>(self)->Run(); }

void Acceptor::Run() {
  uint64_t tokens[kEventsARound];
  int timeout_ms = -1;
  for (;;) {
    const size_t count = poller_.Wait(timeout_ms, tokens, kEventsARound);
    uv_mutex_lock(&entry_lock_);
    uv_mutex_unlock(&entry_lock_);
    uv_mutex_lock(&state_lock_);
    const bool stopping = stopping_;
    if (!stopping) {
      for (size_t i = 0; i < count; ++i) Handle(tokens[i]);
      OnTime();
      Flush();
      timeout_ms = TimeoutMs();
    }
    uv_mutex_unlock(&state_lock_);
    if (stopping) return;
  }
}

void Acceptor::Handle(uint64_t token) {
  if (heads_.Wake(token)) return;
  const auto number = static_cast<uint32_t>(token);
  if ((token & kChannel) != 0) {
    if (queues_[number]->Read() == SlotQueue::Flushed::kRetry) to_retry_.set(number);
    to_flush_.set(number);
    return;
  }
  // The socket may have been removed between the wait and the lock.
  const auto source = sources_.find(number);
  if (source != sources_.end() && source->second.polled) AcceptSome(source->second);
}

int Acceptor::TimeoutMs() const {
  int timeout_ms = heads_.DueInMs();
  if (to_retry_.any()) timeout_ms = kRetryMs;
  if (!closing_.empty()) timeout_ms = std::min(timeout_ms, kSettleMs);
  for (const auto& [id, source] : sources_) {
    if (source.service == Service::kWatched) timeout_ms = std::min(timeout_ms, kWatchMs);
  }
  if (backoff_until_ms_ != 0) {
    const uint64_t now = NowMs();
    timeout_ms = std::min(timeout_ms, backoff_until_ms_ > now ? static_cast<int>(backoff_until_ms_ - now) : 0);
  }
  return timeout_ms == INT32_MAX ? -1 : timeout_ms;
}

void Acceptor::OnTime() {
  to_flush_ |= to_retry_;
  to_retry_.reset();
  heads_.OnTime();
  for (auto& [id, source] : sources_) {
    if (source.service != Service::kWatched) continue;
    const ListenQueue queue = ReadListenQueue(source.socket.get());
    if (queue.waiting * 2 > queue.capacity) {
      source.service = Service::kServed;
      source.overflowed = true;
      Poll(id, source);
    }
  }
  if (backoff_until_ms_ != 0 && NowMs() >= backoff_until_ms_) {
    backoff_until_ms_ = 0;
    for (auto& [id, source] : sources_) Poll(id, source);
  }
  const auto settled = std::remove_if(closing_.begin(), closing_.end(),
                                      [this](uint8_t listener) { return HoldsNothing(listener); });
  if (settled == closing_.end()) return;
  closing_.erase(settled, closing_.end());
  notify_(context_);
}

// Accepts up to kAcceptsARound connections; how many.
size_t Acceptor::AcceptSome(const Source& source) {
  size_t accepted = 0;
  while (accepted < kAcceptsARound) {
    PeerAddress peer;
    const int fd = AcceptConnection(source.socket.get(), &peer);
    if (fd < 0) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) BackOff();
      break;
    }
    ++accepted;
    Arrived(source, fd, peer);
  }
  if (accepted > 0) backoff_ms_ = kBackoffMinMs;
  return accepted;
}

void Acceptor::AcceptAll(const Source& source) {
  for (size_t all = 0; all < kBacklogMax;) {
    const size_t some = AcceptSome(source);
    if (some == 0) return;
    all += some;
  }
}

// From here on the connection is ours. Where rules must see what its client says, it is parked until they can decide.
void Acceptor::Arrived(const Source& source, int fd, const PeerAddress& peer) {
  if (source.pinned != kNoSlot) {
    const Connection connection{fd, source.listener, BucketOfHash(source.pinned * kGoldenRatio), source.pinned};
    Enqueue(SlotOf(connection), connection);
    return;
  }
  const SharedChain& chain = chains_[source.listener];
  if (chain && source.detour.empty()) {
    heads_.Admit(fd, source.listener, chain, peer.ToEndpoint());
    return;
  }
  const Connection connection{fd, source.listener, BucketOfStranger(peer.Key(settings_.ipv6_prefix))};
  if (source.detour.empty()) {
    Place(connection);
  } else {
    Enqueue(source.detour[connection.bucket], connection);
  }
}

void Acceptor::Placed(void* self, int fd, uint8_t listener, const Placement& placement) {
  auto* const acceptor = static_cast<Acceptor*>(self);
  Connection connection{fd, listener, 0};
  if (!placement.by_address) {
    const auto* text = reinterpret_cast<const uint8_t*>(placement.text.data());
    connection.bucket = acceptor->BucketOfHash(Hash32(acceptor->settings_.key, text, placement.text.size()));
  } else {
    const bool nobody = placement.address == IpAddress{};
    std::optional<ClientKey> client;
    if (!nobody) client = KeyOfIpv6(placement.address.bytes.data(), acceptor->settings_.ipv6_prefix);
    connection.bucket = placement.unknown ? acceptor->BucketOfStranger(client) : acceptor->BucketOf(client);
  }
  if (placement.slot) {
    connection.pinned = *placement.slot;
  } else if (placement.unknown && acceptor->settings_.spread_evenly) {
    connection.pinned = acceptor->LeastLoadedSlot();
  }
  if (placement.proxied) connection.proxied = *placement.proxied;
  acceptor->Place(connection);
}

void Acceptor::Place(Connection connection) {
  const uint16_t slot = SlotOf(connection);
  if (settings_.max_load > 0 && slot != connection.pinned) {
    const uint16_t bounded = SlotWithinBound(slot, connection.bucket);
    if (bounded != slot) connection.pinned = bounded;
  }
  Enqueue(SlotOf(connection), connection);
}

// Takes ownership of the descriptor.
void Acceptor::Enqueue(uint16_t slot, Connection connection) {
  SlotQueue* queue = nullptr;
  if (!Outbox(slot, &queue).ok()) {
    close(connection.fd);
    return;
  }
  if (queue->queued() >= settings_.queue_max) {
    close(connection.fd);
    queue->CountRefused(SlotCell::kQueueFull);
    return;
  }
  connection.placed_ns = uv_hrtime();
  queue->Push(connection);
  to_flush_.set(slot);
}

void Acceptor::Flush() {
  for (uint32_t slot = 0; to_flush_.any() && slot < to_flush_.size(); ++slot) {
    if (!to_flush_.test(slot)) continue;
    to_flush_.reset(slot);
    if (queues_[slot]->Flush() == SlotQueue::Flushed::kRetry) to_retry_.set(slot);
  }
}

void Acceptor::Poll(uint32_t id, Source& source) {
  if (source.service != Service::kServed || source.polled || backoff_until_ms_ != 0 || owners_.empty()) return;
  source.polled = poller_.Add(source.socket.get(), id).ok();
}

void Acceptor::Unpoll(Source& source) {
  if (!source.polled) return;
  poller_.Remove(source.socket.get());
  source.polled = false;
}

// Out of descriptors or memory: what waits stays with the kernel, and the readable sockets must not spin the thread.
void Acceptor::BackOff() {
  for (auto& [id, source] : sources_) Unpoll(source);
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kBackoffMinMs, kBackoffMaxMs);
  backoff_until_ms_ = NowMs() + backoff_ms_;
}

Status Acceptor::Outbox(uint32_t slot, SlotQueue** queue) {
  std::unique_ptr<SlotQueue>& kept = queues_[slot];
  if (!kept) {
    auto opened = std::make_unique<SlotQueue>(memory_, &homes_, slot);
    if (const Status status = opened->Open(); !status.ok()) return status;
    if (const Status status = poller_.Add(opened->primary_end(), kChannel | slot); !status.ok()) return status;
    kept = std::move(opened);
  }
  *queue = kept.get();
  return Status::Ok();
}

bool Acceptor::HoldsNothing(uint8_t listener) const {
  if (heads_.waiting(listener) > 0) return false;
  return std::all_of(queues_.begin(), queues_.end(), [&](const std::unique_ptr<SlotQueue>& queue) {
    return !queue || (queue->queued(listener) == 0 && queue->in_channel() == 0);
  });
}

}  // namespace limpet
