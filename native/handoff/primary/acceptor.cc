#include "handoff/primary/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "handoff/listen_socket.h"

namespace limpet {
namespace {

// The most connections that one socket gets accepted in a round. Then other sockets and other threads get their turn.
constexpr size_t kAcceptsPerRound = 64;
constexpr size_t kEventsPerRound = 64;
// The longest accept queue that is drained to its end.
constexpr size_t kBacklogMax = 65536;

constexpr uint64_t kBackoffMinMs = 10;
constexpr uint64_t kBackoffMaxMs = 1000;
// How soon a queue is flushed again after the system was short of something.
constexpr int kRetryMs = 2;
// How often the acceptor checks whether a closing listener is empty.
constexpr int kCloseCheckMs = 2;
// How often the acceptor reads the accept queues of watched sockets.
constexpr int kWatchMs = 25;
// Multiplying by it spreads small numbers over 32 bits.
constexpr uint32_t kGoldenRatio = 0x9e3779b1;

uint64_t NowMs() { return uv_hrtime() / 1'000'000; }

}  // namespace

void Acceptor::Main(void* self) { static_cast<Acceptor*>(self)->Run(); }

void Acceptor::Run() {
  uint64_t tokens[kEventsPerRound];
  int timeout_ms = -1;
  for (;;) {
    const size_t count = poller_.Wait(timeout_ms, tokens, kEventsPerRound);
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
  if (heads_.OnReadable(token)) return;
  const auto number = static_cast<uint32_t>(token);
  if ((token & kChannel) != 0) {
    if (queues_[number]->Receive() == SlotQueue::Result::kRetry) to_retry_.set(number);
    to_flush_.set(number);
    return;
  }
  // The socket may have been removed after the poller reported it.
  const auto source = sources_.find(number);
  if (source != sources_.end() && source->second.polled) AcceptSome(source->second);
}

int Acceptor::TimeoutMs() const {
  int timeout_ms = heads_.DueInMs();
  if (to_retry_.any()) timeout_ms = kRetryMs;
  if (!closing_.empty()) timeout_ms = std::min(timeout_ms, kCloseCheckMs);
  for (const auto& [id, source] : sources_) {
    if (source.mode == AcceptMode::kWatched) timeout_ms = std::min(timeout_ms, kWatchMs);
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
  ServeOverflowing();
  if (backoff_until_ms_ != 0 && NowMs() >= backoff_until_ms_) {
    backoff_until_ms_ = 0;
    for (auto& [id, source] : sources_) Poll(id, source);
  }
  NotifyOfEmpty();
}

// Serves the watched sockets whose accept queue is more than half full.
void Acceptor::ServeOverflowing() {
  for (auto& [id, source] : sources_) {
    if (source.mode != AcceptMode::kWatched) continue;
    const ListenQueue queue = ReadListenQueue(source.socket.get());
    if (queue.waiting * 2 <= queue.capacity) continue;
    source.mode = AcceptMode::kServed;
    source.overflowed = true;
    Poll(id, source);
  }
}

// Notifies if a closing listener has become empty.
void Acceptor::NotifyOfEmpty() {
  const size_t emptied = std::erase_if(closing_, [this](uint8_t listener) { return HoldsNothingOf(listener); });
  if (emptied > 0) notify_(context_);
}

// Accepts up to kAcceptsPerRound connections, and returns how many.
size_t Acceptor::AcceptSome(const Source& source) {
  size_t accepted = 0;
  while (accepted < kAcceptsPerRound) {
    PeerAddress peer;
    Descriptor socket = AcceptConnection(source.socket.get(), &peer);
    if (!socket.valid()) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) BackOff();
      break;
    }
    ++accepted;
    OnAccept(source, std::move(socket), peer);
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

// If the listener has rules, they may need bytes that have not arrived. PendingHeads keeps the connection until they can decide.
void Acceptor::OnAccept(const Source& source, Descriptor socket, const PeerAddress& peer) {
  Connection connection{.socket = std::move(socket), .listener = source.listener};
  if (source.pinned != kNoSlot) {
    connection.bucket = BucketOfHash(source.pinned * kGoldenRatio);
    connection.pinned = source.pinned;
    const uint16_t slot = SlotOf(connection);
    Enqueue(slot, std::move(connection));
    return;
  }
  const SharedChain& chain = chains_[source.listener];
  if (chain && source.detour.empty()) {
    heads_.Admit(std::move(connection.socket), source.listener, chain, peer.ToEndpoint());
    return;
  }
  const std::optional<ClientKey> client = peer.Key(settings_.ipv6_prefix);
  CountClient(client);
  connection.bucket = BucketOf(client);
  if (source.detour.empty()) {
    Place(std::move(connection));
  } else {
    Enqueue(source.detour[connection.bucket], std::move(connection));
  }
}

void Acceptor::Place(Connection connection) {
  uint16_t slot = SlotOf(connection);
  if (settings_.max_load > 0 && slot != connection.pinned) {
    const uint16_t bounded = SlotWithinBound(slot, connection.bucket);
    if (bounded != slot) slot = connection.pinned = bounded;
  }
  Enqueue(slot, std::move(connection));
}

// Closes the connection if the queue is full.
void Acceptor::Enqueue(uint16_t slot, Connection connection) {
  SlotQueue* queue = nullptr;
  if (!QueueOf(slot, &queue).ok()) return;
  if (queue->queued() >= settings_.queue_max) {
    queue->CountRefused(SlotCell::kQueueFull);
    return;
  }
  connection.placed_ns = uv_hrtime();
  queue->Push(std::move(connection));
  to_flush_.set(slot);
}

void Acceptor::Flush() {
  for (uint32_t slot = 0; to_flush_.any() && slot < to_flush_.size(); ++slot) {
    if (!to_flush_.test(slot)) continue;
    to_flush_.reset(slot);
    if (queues_[slot]->Flush() == SlotQueue::Result::kRetry) to_retry_.set(slot);
  }
}

void Acceptor::Poll(uint32_t id, Source& source) {
  if (source.mode != AcceptMode::kServed || source.polled || backoff_until_ms_ != 0 || owners_.empty()) return;
  source.polled = poller_.Add(source.socket.get(), id).ok();
}

void Acceptor::Unpoll(Source& source) {
  if (!source.polled) return;
  poller_.Remove(source.socket.get());
  source.polled = false;
}

// The process is out of descriptors or memory. Connections wait in the kernel. Without the pause, the readable sockets would make
// the thread spin.
void Acceptor::BackOff() {
  for (auto& [id, source] : sources_) Unpoll(source);
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kBackoffMinMs, kBackoffMaxMs);
  backoff_until_ms_ = NowMs() + backoff_ms_;
}

Status Acceptor::QueueOf(uint32_t slot, SlotQueue** queue) {
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

bool Acceptor::HoldsNothingOf(uint8_t listener) const {
  if (heads_.waiting(listener) > 0) return false;
  return std::all_of(queues_.begin(), queues_.end(), [&](const std::unique_ptr<SlotQueue>& queue) {
    return !queue || (queue->queued(listener) == 0 && queue->in_channel() == 0);
  });
}

}  // namespace limpet
