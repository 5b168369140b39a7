#include "handoff/primary/pending_heads.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace limpet {
namespace {

// Heads come in one portion, rarely in two or three. Who sends more is looked at by the clock: 8 ms later, 16, … 128.
constexpr uint8_t kPromptLooks = 4;
constexpr uint64_t kFirstPauseMs = 8;
constexpr int kPauseDoublings = 4;

uint64_t NowMs() { return uv_hrtime() / 1'000'000; }

uint32_t HourNow() { return static_cast<uint32_t>(time(nullptr) / 3600); }

enum class Ending : uint8_t { kOpen, kHalfClosed, kBroken };

// A peek still returns data after a reset, and does not tell of a half-close behind the data: this does.
Ending EndingOf(int fd) {
#if defined(POLLRDHUP)
  constexpr short kHalfClosed = POLLRDHUP;
#else
  constexpr short kHalfClosed = 0;
#endif
  pollfd asked{fd, static_cast<short>(POLLIN | kHalfClosed), 0};
  if (poll(&asked, 1, 0) <= 0) return Ending::kOpen;
  if ((asked.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return Ending::kBroken;
  return (asked.revents & kHalfClosed) != 0 ? Ending::kHalfClosed : Ending::kOpen;
}

// The bytes are there: they have been seen.
void TakeOff(int fd, size_t count) {
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

PendingHeads::~PendingHeads() {
  for (const auto& [id, pending] : waiting_) close(pending.fd);
}

void PendingHeads::Admit(int fd, uint8_t listener, SharedChain chain, const Endpoint& peer) {
  stream_.resize(std::max(stream_.size(), chain->StreamBytesMax()));
  const bool trusted = Trusts(*chain, peer.address);
  Pending pending{fd, listener, std::move(chain), {}, peer.address, NowMs() + settings_.timeout_ms, !trusted};
  pending.reading.peer = peer;
  Refusal refusal = Refusal::kNone;
  switch (LookAt(pending, refusal)) {
    case Seen::kPlaced:
      return;
    case Seen::kGone:
      close(fd);
      return;
    case Seen::kRefused:
      ++refused_[static_cast<size_t>(refusal)];
      lingering_close_.Say(fd, RefusalAnswer(refusal), NowMs());
      return;
    case Seen::kIncomplete:
      break;
  }
  MakeRoomFor(pending);
  const uint32_t id = next_id_++;
  if (pending.counted) by_address_[pending.origin.bytes].insert(id);
  WatchFor(id, waiting_.emplace(id, std::move(pending)).first->second);
}

PendingHeads::Seen PendingHeads::LookAt(Pending& pending, Refusal& refusal) {
  ssize_t got;
  do {
    got = recv(pending.fd, stream_.data(), pending.chain->StreamBytesMax(), MSG_PEEK | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) return Seen::kGone;
  if (got > 0) pending.spoken = true;

  Arrival arrival{{stream_.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))}, false, HourNow()};
  Decision decision = pending.chain->Decide(pending.reading, arrival, scratch_);
  if (decision.outcome == Outcome::kNeedMore) {
    // With nothing to read, reading itself has told that it is open.
    const Ending ending = got > 0 ? EndingOf(pending.fd) : Ending::kOpen;
    if (ending == Ending::kBroken) return Seen::kGone;
    if (ending == Ending::kOpen) return Seen::kIncomplete;
    arrival.ended = true;
    decision = pending.chain->Decide(pending.reading, arrival, scratch_);
  }
  return Follow(pending, arrival, decision, refusal);
}

PendingHeads::Seen PendingHeads::Follow(Pending& pending, const Arrival& arrival, Decision decision, Refusal& refusal) {
  Placement placement;
  const uint32_t consume = decision.consume;
  while (decision.outcome == Outcome::kSlot) {
    if (!placement.slot) placement.slot = decision.place.slot;
    decision = pending.chain->Decide(pending.reading, arrival, scratch_);
  }
  if (decision.outcome == Outcome::kRefused) {
    refusal = decision.refusal;
    return Seen::kRefused;
  }
  placement.by_address = decision.outcome == Outcome::kAddress;
  placement.address = decision.address;
  placement.text = decision.text;
  placement.unknown = !placement.slot && decision.rule + 1u == pending.chain->rules.size();
  if (pending.reading.proxied) placement.proxied = pending.reading.peer;
  if (pending.polled) poller_->Remove(pending.fd);
  TakeOff(pending.fd, consume);
  place_(context_, pending.fd, pending.listener, placement);
  return Seen::kPlaced;
}

void PendingHeads::Handle(Waiting::iterator entry) {
  Pending& pending = entry->second;
  Refusal refusal = Refusal::kNone;
  switch (LookAt(pending, refusal)) {
    case Seen::kPlaced:
      pending.polled = false;
      Forget(entry);
      return;
    case Seen::kGone: {
      const int fd = pending.fd;
      Forget(entry);
      close(fd);
      return;
    }
    case Seen::kRefused:
      Refuse(entry, refusal);
      return;
    case Seen::kIncomplete:
      if (pending.looks < UINT8_MAX) ++pending.looks;
      WatchFor(entry->first, pending);
  }
}

void PendingHeads::WatchFor(uint32_t id, Pending& pending) {
  if (pending.looks < kPromptLooks) {
    if (!pending.polled) pending.polled = poller_->AddArrivals(pending.fd, token_bit_ | id).ok();
    if (pending.polled) return;
  }
  if (pending.polled) poller_->Remove(pending.fd);
  pending.polled = false;
  const int doublings = std::min(std::max(pending.looks - kPromptLooks, 0), kPauseDoublings);
  paced_.emplace(NowMs() + (kFirstPauseMs << doublings), id);
}

bool PendingHeads::Wake(uint64_t token) {
  const auto id = static_cast<uint32_t>(token);
  if ((token & token_bit_ << 1) != 0) {
    lingering_close_.Wake(id);
    return true;
  }
  if ((token & token_bit_) == 0) return false;
  // It may have been placed or refused since the poller saw it.
  const auto pending = waiting_.find(id);
  if (pending != waiting_.end()) Handle(pending);
  return true;
}

void PendingHeads::OnTime() {
  if (waiting_.empty() && paced_.empty() && lingering_close_.DueMs() == UINT64_MAX) return;
  const uint64_t now_ms = NowMs();
  while (!paced_.empty() && paced_.top().first <= now_ms) {
    const auto pending = waiting_.find(paced_.top().second);
    paced_.pop();
    if (pending != waiting_.end()) Handle(pending);
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

// The oldest goes, not the newest: who has waited longest without a head is the likeliest never to send one, and the others
// of an address, behind a NAT, are served on.
void PendingHeads::MakeRoomFor(const Pending& newcomer) {
  const auto same = newcomer.counted ? by_address_.find(newcomer.origin.bytes) : by_address_.end();
  if (same != by_address_.end() && same->second.size() >= settings_.per_address_max) {
    Refuse(waiting_.find(*same->second.begin()), Refusal::kTooManyPendingFromAddress);
  }
  if (waiting_.size() >= settings_.max) Refuse(waiting_.begin(), Refusal::kTooManyPending);
}

void PendingHeads::Refuse(Waiting::iterator entry, Refusal refusal) {
  const int fd = entry->second.fd;
  const bool spoken = entry->second.spoken;
  Forget(entry);
  ++refused_[static_cast<size_t>(refusal)];
  lingering_close_.Say(fd, spoken ? RefusalAnswer(refusal) : std::string_view(), NowMs());
}

void PendingHeads::Forget(Waiting::iterator entry) {
  if (entry->second.polled) poller_->Remove(entry->second.fd);
  if (entry->second.counted) {
    const auto same = by_address_.find(entry->second.origin.bytes);
    same->second.erase(entry->first);
    if (same->second.empty()) by_address_.erase(same);
  }
  waiting_.erase(entry);
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
