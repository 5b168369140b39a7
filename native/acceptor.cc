#include "acceptor.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "listen_socket.h"

namespace limpet {
namespace {

// So many connections of one socket, then the others get their turn and the state is free for a moment.
constexpr size_t kAcceptsARound = 64;
constexpr size_t kLongestBacklog = 65536;
constexpr size_t kEventsARound = 64;

constexpr uint64_t kShortestRestMs = 10;
constexpr uint64_t kLongestRestMs = 1000;
constexpr int kRetryMs = 2;
constexpr int kSettleMs = 2;
constexpr int kWatchMs = 25;

// What a poller's token stands for.
constexpr uint64_t kChannel = uint64_t{1} << 32;
constexpr uint64_t kHead = kChannel << 1;

uint64_t NowMs() { return uv_hrtime() / 1'000'000; }

}  // namespace

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

void Acceptor::Main(void* self) { static_cast<Acceptor*>(self)->Run(); }

void Acceptor::Run() {
  uint64_t tokens[kEventsARound];
  int timeout_ms = -1;
  for (;;) {
    const size_t count = poller_.Wait(timeout_ms, tokens, kEventsARound);
    uv_mutex_lock(&door_);
    uv_mutex_unlock(&door_);
    uv_mutex_lock(&state_);
    const bool stopping = stopping_;
    if (!stopping) {
      for (size_t i = 0; i < count; ++i) Handle(tokens[i]);
      OnTime();
      Flush();
      timeout_ms = TimeoutMs();
    }
    uv_mutex_unlock(&state_);
    if (stopping) return;
  }
}

void Acceptor::Handle(uint64_t token) {
  if (heads_.Wake(token)) return;
  const auto number = static_cast<uint32_t>(token);
  if ((token & kChannel) != 0) {
    if (outboxes_[number]->Read() == SlotOutbox::Flushed::kRetry) to_retry_.set(number);
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
  if (rest_until_ms_ != 0) {
    const uint64_t now = NowMs();
    timeout_ms = std::min(timeout_ms, rest_until_ms_ > now ? static_cast<int>(rest_until_ms_ - now) : 0);
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
  if (rest_until_ms_ != 0 && NowMs() >= rest_until_ms_) {
    rest_until_ms_ = 0;
    for (auto& [id, source] : sources_) Poll(id, source);
  }
  const auto settled = std::remove_if(closing_.begin(), closing_.end(),
                                      [this](uint8_t listener) { return IsSettled(listener); });
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
      if (errno != EAGAIN && errno != EWOULDBLOCK) RestFromAccepting();
      break;
    }
    ++accepted;
    Arrived(source, fd, peer);
  }
  if (accepted > 0) rest_ms_ = kShortestRestMs;
  return accepted;
}

void Acceptor::AcceptAll(const Source& source) {
  for (size_t all = 0; all < kLongestBacklog;) {
    const size_t some = AcceptSome(source);
    if (some == 0) return;
    all += some;
  }
}

// From here on the connection is ours. Where rules must see what its client says, it is parked until they can decide.
void Acceptor::Arrived(const Source& source, int fd, const PeerAddress& peer) {
  const SharedChain& chain = chains_[source.listener];
  if (chain && source.detour.empty()) {
    heads_.Admit(fd, source.listener, chain, peer.ToEndpoint());
    return;
  }
  const Passed connection{fd, source.listener, BucketOf(peer.Key(settings_.ipv6_prefix))};
  Enqueue((source.detour.empty() ? owners_ : source.detour)[connection.bucket], connection);
}

void Acceptor::Placed(void* self, int fd, uint8_t listener, const Placement& placement) {
  auto* const acceptor = static_cast<Acceptor*>(self);
  Passed connection{fd, listener, 0};
  if (!placement.by_address) {
    const auto* text = reinterpret_cast<const uint8_t*>(placement.text.data());
    connection.bucket = acceptor->BucketOfHash(Hash32(acceptor->settings_.key, text, placement.text.size()));
  } else if (placement.address == IpAddress{}) {
    connection.bucket = acceptor->BucketOf(std::nullopt);
  } else {
    connection.bucket =
        acceptor->BucketOf(KeyOfIpv6(placement.address.bytes.data(), acceptor->settings_.ipv6_prefix));
  }
  if (placement.slot) {
    connection.pinned = *placement.slot;
  } else if (placement.unknown && acceptor->settings_.spread_evenly) {
    connection.pinned = acceptor->Emptiest();
  }
  if (placement.proxied) connection.proxied = *placement.proxied;
  acceptor->Enqueue(acceptor->SlotOf(connection), connection);
}

// Takes ownership of the descriptor.
void Acceptor::Enqueue(uint16_t slot, const Passed& connection) {
  SlotOutbox* outbox = nullptr;
  if (!Outbox(slot, &outbox).ok()) {
    close(connection.fd);
    return;
  }
  if (outbox->queued() >= settings_.queue_max) {
    close(connection.fd);
    outbox->CountRefused();
    return;
  }
  outbox->Push(connection);
  to_flush_.set(slot);
}

uint16_t Acceptor::SlotOf(const Passed& connection) const {
  const bool served = connection.pinned < serving_.size() && serving_.test(connection.pinned);
  return served ? connection.pinned : owners_[connection.bucket];
}

// Of several with as few, another one each time.
uint16_t Acceptor::Emptiest() {
  const size_t slots = serving_.size();
  size_t least = SIZE_MAX;
  uint16_t emptiest = kNoSlot;
  ++turn_;
  for (size_t i = 0; i < slots; ++i) {
    const size_t slot = (turn_ + i) % slots;
    if (!serving_.test(slot)) continue;
    const size_t load = outboxes_[slot]->Load();
    if (load >= least) continue;
    least = load;
    emptiest = static_cast<uint16_t>(slot);
  }
  return emptiest;
}

// Unix-domain clients have no address to stick by: they are dealt out in turn.
uint16_t Acceptor::BucketOf(const std::optional<ClientKey>& client) {
  const ClientKey key = client ? *client : ClientKey{0, ++turn_};
  return BucketOfHash(HashWords(settings_.key, key.w0, key.w1));
}

uint16_t Acceptor::BucketOfHash(uint32_t hash) const {
  return static_cast<uint16_t>(hash >> (32 - std::countr_zero(owners_.size())));
}

void Acceptor::Flush() {
  for (uint32_t slot = 0; to_flush_.any() && slot < to_flush_.size(); ++slot) {
    if (!to_flush_.test(slot)) continue;
    to_flush_.reset(slot);
    if (outboxes_[slot]->Flush() == SlotOutbox::Flushed::kRetry) to_retry_.set(slot);
  }
}

void Acceptor::Poll(uint32_t id, Source& source) {
  if (source.service != Service::kServed || source.polled || rest_until_ms_ != 0 || owners_.empty()) return;
  source.polled = poller_.Add(source.socket.get(), id).ok();
}

void Acceptor::Unpoll(Source& source) {
  if (!source.polled) return;
  poller_.Remove(source.socket.get());
  source.polled = false;
}

// Out of descriptors or memory: what waits stays with the kernel, and the readable sockets must not spin the thread.
void Acceptor::RestFromAccepting() {
  for (auto& [id, source] : sources_) Unpoll(source);
  rest_ms_ = std::clamp(rest_ms_ * 2, kShortestRestMs, kLongestRestMs);
  rest_until_ms_ = NowMs() + rest_ms_;
}

Status Acceptor::Outbox(uint32_t slot, SlotOutbox** outbox) {
  std::unique_ptr<SlotOutbox>& kept = outboxes_[slot];
  if (!kept) {
    auto opened = std::make_unique<SlotOutbox>(page_, &homes_, slot);
    if (const Status status = opened->Open(); !status.ok()) return status;
    if (const Status status = poller_.Add(opened->primary_end(), kChannel | slot); !status.ok()) return status;
    kept = std::move(opened);
  }
  *outbox = kept.get();
  return Status::Ok();
}

Status Acceptor::ChannelEnd(uint32_t slot, int* fd) {
  const Guard guard(this);
  if (stopping_) return Status::System("socketpair", ESHUTDOWN);
  SlotOutbox* outbox = nullptr;
  const Status status = Outbox(slot, &outbox);
  if (status.ok()) *fd = outbox->worker_end();
  return status;
}

uint32_t Acceptor::Add(uint8_t listener, Descriptor socket) {
  const Guard guard(this);
  Source& source = sources_[next_source_];
  source.listener = listener;
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

bool Acceptor::IsSettled(uint8_t listener) const {
  if (heads_.waiting(listener) > 0) return false;
  return std::all_of(outboxes_.begin(), outboxes_.end(), [&](const std::unique_ptr<SlotOutbox>& outbox) {
    return !outbox || (outbox->queued(listener) == 0 && outbox->in_channel() == 0);
  });
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
      outbox->CountRefused();
      ++abandoned;
    }
  }
  Flush();
  return abandoned;
}

}  // namespace limpet
