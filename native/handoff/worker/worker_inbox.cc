#include "handoff/worker/worker_inbox.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <optional>
#include <vector>

#include "handoff/peer_address.h"

namespace limpet {
namespace {

// Connections that may wait in the channel of a worker that has descriptors enough.
constexpr size_t kWindow = 256;
// Above so many free descriptors they are counted again only after every kWindow connections.
constexpr size_t kPlenty = 1024;

}  // namespace

// The accept loop of one listening socket.
class WorkerInbox::AcceptLoop final : public WatchedDescriptor {
 public:
  AcceptLoop(WorkerInbox* inbox, uint8_t listener, Descriptor socket)
      : WatchedDescriptor(inbox->loop_, &inbox->cell(WorkerCell::kStarved)),
        inbox_(inbox),
        listener_(listener),
        socket_(std::move(socket)) {}

  Status Start() { return WatchedDescriptor::Start(socket_.get()); }

  // Accepts and delivers up to kBatchMax connections; how many.
  size_t Take() {
    Connection taken[kBatchMax];
    size_t count = 0;
    bool starved = false;
    while (count < kBatchMax && !starved) {
      PeerAddress peer;
      inbox_->cell(WorkerCell::kTaking).store(1, std::memory_order_relaxed);
      const int fd = AcceptConnection(socket_.get(), &peer);
      if (fd < 0) {
        inbox_->Took(0);
        if (errno == ECONNABORTED || errno == EINTR) continue;
        starved = errno != EAGAIN && errno != EWOULDBLOCK;
        break;
      }
      inbox_->Took(1);
      const std::optional<ClientKey> client = peer.Key(inbox_->memory_->ipv6_prefix());
      if (client) inbox_->busiest_.Saw(*client);
      if (client && !inbox_->memory_->IsHome(*client, inbox_->slot_)) Count(inbox_->cell(WorkerCell::kMissteered));
      taken[count++] = {fd, listener_, 0};
    }
    if (starved) {
      BackOff();
    } else if (count > 0) {
      ResetBackoff();
    }
    inbox_->ShowBusiest();
    if (count > 0) inbox_->deliver_(inbox_->context_, taken, count);
    return count;
  }

 private:
  void Wake() override { Take(); }
  void CloseDescriptor() override { socket_.Reset(); }

  WorkerInbox* const inbox_;
  const uint8_t listener_;
  Descriptor socket_;
};

// The reading end of the channel.
class WorkerInbox::ChannelReader final : public WatchedDescriptor {
 public:
  ChannelReader(WorkerInbox* inbox, int channel)
      : WatchedDescriptor(inbox->loop_, &inbox->cell(WorkerCell::kStarved)), inbox_(inbox), channel_(channel) {}

  Status Start() {
    if (const Status status = WatchedDescriptor::Start(channel_); !status.ok()) return status;
    Unwatch();
    return Status::Ok();
  }

  void Expect(uint8_t listener, bool expected) {
    const bool reading = expected_.any();
    expected_[listener] = expected;
    if (expected_.any() == reading) return;
    if (reading) {
      Unwatch();
      return;
    }
    Watch();
    if (!Offer()) BackOff();
  }

 private:
  void Wake() override {
    Connection taken[kBatchMax];
    size_t count = 0;
    if (!GiveBack() || !HasRoom()) {
      Offer();
      BackOff();
      return;
    }
    ResetBackoff();
    bool broken = false;
    while (count + kMessageMax <= kBatchMax) {
      size_t received = 0;
      inbox_->cell(WorkerCell::kTaking).store(kMessageMax, std::memory_order_relaxed);
      const Transfer transfer = ReceiveConnections(channel_, taken + count, &received);
      inbox_->Took(received);
      broken = transfer == Transfer::kBroken;
      if (transfer != Transfer::kDone) break;
      count += received;
    }
    room_ -= count;
    counted_after_ += count;
    const bool offered = Offer();
    const auto refused = std::stable_partition(
        taken, taken + count, [this](const Connection& connection) { return expected_[connection.listener]; });
    returning_.insert(returning_.end(), refused, taken + count);
    const bool given_back = GiveBack();
    if (broken) {
      Unwatch();
    } else if (!given_back || !offered) {
      // Without room on offer nobody sends, and nothing would ever wake us: we look again ourselves.
      BackOff();
    }
    const uint64_t now_ns = uv_hrtime();
    std::for_each(taken, refused, [&](const Connection& connection) { CountLatency(now_ns - connection.placed_ns); });
    if (refused != taken) inbox_->deliver_(inbox_->context_, taken, static_cast<size_t>(refused - taken));
  }

  void CountLatency(uint64_t latency_ns) const {
    const uint64_t latency_us = latency_ns / 1000;
    const auto bound = std::lower_bound(kLatencyBoundsUs.begin(), kLatencyBoundsUs.end(), latency_us);
    Count(inbox_->cell(WorkerCell::kLatency + static_cast<uint32_t>(bound - kLatencyBoundsUs.begin())));
    Count(inbox_->cell(WorkerCell::kLatencyUs), static_cast<double>(latency_us));
  }

  // Counting is a system call of its own: when descriptors are scarce it is made before every taking, else now and then.
  bool HasRoom() {
    if (room_ < kPlenty || counted_after_ >= kWindow) {
      room_ = DescriptorsLeft();
      counted_after_ = 0;
    }
    return room_ >= kBatchMax;
  }

  // Tells the acceptor how much may wait in the channel; false when that is nothing. Pairs with Acceptor's: it says that it is hungry, then looks at
  // the credits again; here the credits are written first.
  bool Offer() {
    const size_t credits = HasRoom() ? std::min(room_, kWindow) : 0;
    inbox_->cell(WorkerCell::kCredits).store(static_cast<double>(credits));
    if (credits > 0 && inbox_->memory_->slot(inbox_->slot_, SlotCell::kHungry).load() != 0) Poke(channel_);
    return credits > 0;
  }

  // True when nothing is left to be passed back.
  bool GiveBack() {
    while (!returning_.empty()) {
      const size_t count = std::min(returning_.size(), kMessageMax);
      if (SendConnections(channel_, returning_.data(), count) != Transfer::kDone) return false;
      for (size_t i = 0; i < count; ++i) close(returning_[i].fd);
      returning_.erase(returning_.begin(), returning_.begin() + static_cast<ptrdiff_t>(count));
      Count(inbox_->cell(WorkerCell::kReturned), static_cast<double>(count));
      Count(inbox_->cell(WorkerCell::kClosed), static_cast<double>(count));
    }
    return true;
  }

  WorkerInbox* const inbox_;
  const int channel_;
  std::bitset<256> expected_;
  std::vector<Connection> returning_;
  size_t room_ = 0;
  size_t counted_after_ = 0;
};

WorkerInbox::WorkerInbox(uv_loop_t* loop, const SharedMemory* memory, uint32_t worker_index, uint32_t slot, Deliver deliver,
                         void* context)
    : loop_(loop), memory_(memory), worker_index_(worker_index), slot_(slot), deliver_(deliver), context_(context) {}

WorkerInbox::~WorkerInbox() = default;

Status WorkerInbox::Accept(uint8_t listener, Descriptor socket) {
  std::unique_ptr<AcceptLoop, WatchedDescriptor::Closer> accept_loop(new AcceptLoop(this, listener, std::move(socket)));
  const Status status = accept_loop->Start();
  if (status.ok()) accept_loops_[listener] = std::move(accept_loop);
  return status;
}

void WorkerInbox::StopAccepting(uint8_t listener, bool drain) {
  // Taken out first: what is delivered may stop it again.
  const std::unique_ptr<AcceptLoop, WatchedDescriptor::Closer> accept_loop = std::move(accept_loops_[listener]);
  constexpr size_t kBacklogMax = 65536;
  for (size_t taken = 0; accept_loop && drain && taken < kBacklogMax;) {
    const size_t more = accept_loop->Take();
    if (more == 0) break;
    taken += more;
  }
}

Status WorkerInbox::Receive(int channel) {
  std::unique_ptr<ChannelReader, WatchedDescriptor::Closer> reader(new ChannelReader(this, channel));
  const Status status = reader->Start();
  if (status.ok()) channel_reader_ = std::move(reader);
  return status;
}

void WorkerInbox::Expect(uint8_t listener, bool expected) {
  if (channel_reader_) channel_reader_->Expect(listener, expected);
}

void WorkerInbox::Stop() {
  for (auto& accept_loop : accept_loops_) accept_loop.reset();
  channel_reader_.reset();
}

void WorkerInbox::ShowBusiest() const {
  cell(WorkerCell::kSteered).store(static_cast<double>(busiest_.seen()), std::memory_order_relaxed);
  cell(WorkerCell::kBusiest).store(static_cast<double>(busiest_.count()), std::memory_order_relaxed);
}

// `accepted` first: between the two stores a connection counts twice rather than not at all.
void WorkerInbox::Took(size_t count) const {
  if (count > 0) Count(cell(WorkerCell::kAccepted), static_cast<double>(count));
  cell(WorkerCell::kTaking).store(0, std::memory_order_relaxed);
}

}  // namespace limpet
