#include "handoff/primary/pending_heads.h"

#include <poll.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

namespace limpet {
namespace {

// A head arrives in one portion, rarely in two or three. After this many peeks the connection is no longer peeked at when bytes arrive,
// but after a pause: 8 ms, then 16 ms, doubling to 128 ms.
constexpr uint8_t kPromptLooks = 4;
constexpr uint64_t kFirstPauseMs = 8;
constexpr int kPauseDoublings = 4;

uint64_t NowMs() { return uv_hrtime() / 1'000'000; }

uint32_t HourNow() { return static_cast<uint32_t>(time(nullptr) / 3600); }

enum class StreamEnd : uint8_t { kOpen, kHalfClosed, kBroken };

// While bytes are unread, a peek shows neither a reset nor a half-close. poll() shows both.
StreamEnd EndOf(int fd) {
#if defined(POLLRDHUP)
  constexpr short kHalfClosed = POLLRDHUP;
#else
  constexpr short kHalfClosed = 0;
#endif
  pollfd asked{fd, static_cast<short>(POLLIN | kHalfClosed), 0};
  if (poll(&asked, 1, 0) <= 0) return StreamEnd::kOpen;
  if ((asked.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return StreamEnd::kBroken;
  return (asked.revents & kHalfClosed) != 0 ? StreamEnd::kHalfClosed : StreamEnd::kOpen;
}

// Takes bytes off the stream. A peek has shown that they are there.
void Consume(int fd, size_t count) {
  char discarded[4096];
  while (count > 0) {
    const ssize_t got = recv(fd, discarded, std::min(count, sizeof discarded), MSG_DONTWAIT);
    if (got <= 0 && errno != EINTR) return;
    if (got > 0) count -= static_cast<size_t>(got);
  }
}

bool Trusts(const AffinityChain& chain, const IpAddress& peer) {
  if (ContainsAny(chain.proxy_header.trust, peer)) return true;
  return std::any_of(chain.rules.begin(), chain.rules.end(),
                     [&](const AffinityRule& rule) { return ContainsAny(rule.trust, peer); });
}

}  // namespace

PendingHeads::PendingHeads(Poller* poller, uint64_t token_bit, Settings settings, Place place, void* context)
    : poller_(poller),
      token_bit_(token_bit),
      settings_(settings),
      place_(place),
      context_(context),
      lingering_close_(poller, token_bit << 1) {}

void PendingHeads::Admit(Descriptor socket, uint8_t listener, SharedChain chain, const Endpoint& peer) {
  stream_.resize(std::max(stream_.size(), chain->StreamBytesMax()));
  const bool trusted = Trusts(*chain, peer.address);
  Pending pending{.socket = std::move(socket),
                  .listener = listener,
                  .chain = std::move(chain),
                  .reading = {},
                  .origin = peer.address,
                  .deadline_ms = NowMs() + settings_.timeout_ms,
                  .counted = !trusted};
  pending.reading.peer = peer;
  Refusal refusal = Refusal::kNone;
  switch (TryToPlace(pending, refusal)) {
    case Progress::kPlaced:
    case Progress::kGone:
      return;
    case Progress::kRefused:
      ++refused_[static_cast<size_t>(refusal)];
      lingering_close_.Begin(std::move(pending.socket), RefusalAnswer(refusal), NowMs());
      return;
    case Progress::kIncomplete:
      break;
  }
  MakeRoomFor(pending);
  const uint32_t id = next_id_++;
  if (pending.counted) by_address_[pending.origin.bytes].insert(id);
  WatchForMore(id, waiting_.emplace(id, std::move(pending)).first->second);
}

PendingHeads::Progress PendingHeads::TryToPlace(Pending& pending, Refusal& refusal) {
  ssize_t got;
  do {
    got = recv(pending.socket.get(), stream_.data(), pending.chain->StreamBytesMax(), MSG_PEEK | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) return Progress::kGone;
  if (got > 0) pending.spoken = true;

  Arrival arrival{{stream_.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))}, false, HourNow()};
  Decision decision = pending.chain->Decide(pending.reading, arrival, scratch_);
  if (decision.outcome == Outcome::kNeedMore) {
    // If there was nothing to read, the peek itself has shown that the stream is open.
    const StreamEnd end = got > 0 ? EndOf(pending.socket.get()) : StreamEnd::kOpen;
    if (end == StreamEnd::kBroken) return Progress::kGone;
    if (end == StreamEnd::kOpen) return Progress::kIncomplete;
    arrival.ended = true;
    decision = pending.chain->Decide(pending.reading, arrival, scratch_);
  }
  return Apply(decision, pending, arrival, refusal);
}

PendingHeads::Progress PendingHeads::Apply(Decision decision, Pending& pending, const Arrival& arrival,
                                           Refusal& refusal) {
  Placement placement;
  const uint32_t consume = decision.consume;
  while (decision.outcome == Outcome::kSlot) {
    if (!placement.slot) placement.slot = decision.place.slot;
    decision = pending.chain->Decide(pending.reading, arrival, scratch_);
  }
  if (decision.outcome == Outcome::kRefused) {
    refusal = decision.refusal;
    return Progress::kRefused;
  }
  placement.by_address = decision.outcome == Outcome::kAddress;
  placement.address = decision.address;
  placement.text = decision.text;
  placement.unknown = !placement.slot && decision.rule + 1u == pending.chain->rules.size();
  if (pending.reading.proxied) placement.proxied = pending.reading.peer;
  if (pending.polled) poller_->Remove(pending.socket.get());
  pending.polled = false;
  Consume(pending.socket.get(), consume);
  place_(context_, std::move(pending.socket), pending.listener, placement);
  return Progress::kPlaced;
}

void PendingHeads::Advance(Waiting::iterator entry) {
  Pending& pending = entry->second;
  Refusal refusal = Refusal::kNone;
  switch (TryToPlace(pending, refusal)) {
    case Progress::kPlaced:
    case Progress::kGone:
      Remove(entry);
      return;
    case Progress::kRefused:
      Refuse(entry, refusal);
      return;
    case Progress::kIncomplete:
      if (pending.looks < UINT8_MAX) ++pending.looks;
      WatchForMore(entry->first, pending);
  }
}

void PendingHeads::WatchForMore(uint32_t id, Pending& pending) {
  const int fd = pending.socket.get();
  if (pending.looks < kPromptLooks) {
    if (!pending.polled) pending.polled = poller_->AddArrivals(fd, token_bit_ | id).ok();
    if (pending.polled) return;
  }
  if (pending.polled) poller_->Remove(fd);
  pending.polled = false;
  const int doublings = std::min(std::max(pending.looks - kPromptLooks, 0), kPauseDoublings);
  paced_.emplace(NowMs() + (kFirstPauseMs << doublings), id);
}

bool PendingHeads::OnReadable(uint64_t token) {
  const auto id = static_cast<uint32_t>(token);
  if ((token & token_bit_ << 1) != 0) {
    lingering_close_.OnReadable(id);
    return true;
  }
  if ((token & token_bit_) == 0) return false;
  // It may have been placed or refused after the poller reported it.
  const auto entry = waiting_.find(id);
  if (entry != waiting_.end()) Advance(entry);
  return true;
}

void PendingHeads::OnTime() {
  if (waiting_.empty() && paced_.empty() && lingering_close_.DueMs() == UINT64_MAX) return;
  const uint64_t now_ms = NowMs();
  while (!paced_.empty() && paced_.top().first <= now_ms) {
    const auto entry = waiting_.find(paced_.top().second);
    paced_.pop();
    if (entry != waiting_.end()) Advance(entry);
  }
  while (!waiting_.empty() && waiting_.begin()->second.deadline_ms <= now_ms) {
    Refuse(waiting_.begin(), waiting_.begin()->second.spoken ? Refusal::kHeadTimeout : Refusal::kSilent);
  }
  lingering_close_.OnTime(now_ms);
}

int PendingHeads::DueInMs() const {
  uint64_t due_ms = lingering_close_.DueMs();
  if (!waiting_.empty()) due_ms = std::min(due_ms, waiting_.begin()->second.deadline_ms);
  if (!paced_.empty()) due_ms = std::min(due_ms, paced_.top().first);
  if (due_ms == UINT64_MAX) return INT32_MAX;
  const uint64_t now_ms = NowMs();
  return due_ms > now_ms ? static_cast<int>(due_ms - now_ms) : 0;
}

// Refuses the oldest connection, not the new one. The longer a connection has waited without a head, the less likely a head is. And
// if many clients share one address behind a NAT, new ones are still served.
void PendingHeads::MakeRoomFor(const Pending& admitted) {
  const auto same = admitted.counted ? by_address_.find(admitted.origin.bytes) : by_address_.end();
  if (same != by_address_.end() && same->second.size() >= settings_.per_address_max) {
    Refuse(waiting_.find(*same->second.begin()), Refusal::kTooManyPendingFromAddress);
  }
  if (waiting_.size() >= settings_.max) Refuse(waiting_.begin(), Refusal::kTooManyPending);
}

void PendingHeads::Refuse(Waiting::iterator entry, Refusal refusal) {
  ++refused_[static_cast<size_t>(refusal)];
  const std::string_view answer = entry->second.spoken ? RefusalAnswer(refusal) : std::string_view();
  lingering_close_.Begin(Remove(entry), answer, NowMs());
}

Descriptor PendingHeads::Remove(Waiting::iterator entry) {
  const Pending& pending = entry->second;
  if (pending.polled) poller_->Remove(pending.socket.get());
  if (pending.counted) {
    const auto same = by_address_.find(pending.origin.bytes);
    same->second.erase(entry->first);
    if (same->second.empty()) by_address_.erase(same);
  }
  Descriptor socket = std::move(entry->second.socket);
  waiting_.erase(entry);
  return socket;
}

size_t PendingHeads::waiting(uint8_t listener) const {
  return static_cast<size_t>(std::count_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
    return entry.second.listener == listener;
  }));
}

size_t PendingHeads::Drop(uint8_t listener, bool all) {
  size_t dropped = 0;
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    const auto next = std::next(entry);
    if (entry->second.listener == listener && (all || !entry->second.spoken)) {
      Refuse(entry, entry->second.spoken ? Refusal::kTooManyPending : Refusal::kSilent);
      ++dropped;
    }
    entry = next;
  }
  return dropped;
}

}  // namespace limpet
