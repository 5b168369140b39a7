#include "handoff/worker/worker_inbox.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "handoff/peer_address.h"

namespace limpet {
namespace {

// The most connections that may wait in the channel. A worker with few free descriptors offers less.
constexpr size_t kWindow = 256;
// With more free descriptors than this, they are counted again only after every kWindow connections.
constexpr size_t kPlenty = 1024;
// The longest accept queue that is drained to its end.
constexpr size_t kBacklogMax = 65536;

}  // namespace

// The accept loop of one listening socket.
class WorkerInbox::AcceptLoop final : public WatchedDescriptor {
 public:
  AcceptLoop(WorkerInbox* inbox, uint8_t listener, Descriptor socket)
      : WatchedDescriptor(inbox->loop_, &inbox->CellAt(WorkerCell::kStarved)),
        inbox_(inbox),
        listener_(listener),
        socket_(std::move(socket)) {}

  Status Start() { return WatchedDescriptor::Start(socket_.get()); }

  // Accepts and delivers up to kBatchMax connections, and returns how many.
  size_t AcceptBatch() {
    Connection accepted[kBatchMax];
    size_t count = 0;
    bool starved = false;
    while (count < kBatchMax && !starved) {
      PeerAddress peer;
      inbox_->CountTaking(1);
      Descriptor socket = AcceptConnection(socket_.get(), &peer);
      if (!socket.valid()) {
        inbox_->CountAccepted(0);
        if (errno == ECONNABORTED || errno == EINTR) continue;
        starved = errno != EAGAIN && errno != EWOULDBLOCK;
        break;
      }
      inbox_->CountAccepted(1);
      const std::optional<ClientKey> client = peer.Key(inbox_->memory_->ipv6_prefix());
      if (client) inbox_->CountClient(*client);
      accepted[count++] = {.socket = std::move(socket), .listener = listener_};
    }
    if (starved) {
      BackOff();
    } else if (count > 0) {
      ResetBackoff();
    }
    inbox_->PublishBusiest();
    if (count > 0) inbox_->deliver_(inbox_->context_, {accepted, count});
    return count;
  }

 private:
  void Wake() override { AcceptBatch(); }
  void CloseDescriptor() override { socket_.Reset(); }

  WorkerInbox* const inbox_;
  const uint8_t listener_;
  Descriptor socket_;
};

// The reader of the slot's channel.
class WorkerInbox::ChannelReader final : public WatchedDescriptor {
 public:
  ChannelReader(WorkerInbox* inbox, int channel)
      : WatchedDescriptor(inbox->loop_, &inbox->CellAt(WorkerCell::kStarved)), inbox_(inbox), channel_(channel) {}

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
    if (!OfferCredits()) BackOff();
  }

 private:
  void Wake() override {
    if (!SendReturns() || !HasRoom()) {
      OfferCredits();
      BackOff();
      return;
    }
    ResetBackoff();
    Connection received[kBatchMax];
    bool broken = false;
    const size_t count = ReceiveBatch(received, &broken);
    const bool offered = OfferCredits();
    const size_t expected = KeepExpected({received, count});
    const bool returned = SendReturns();
    if (broken) {
      Unwatch();
    } else if (!returned || !offered) {
      // The acceptor sends nothing to a worker without credits, so nothing would wake it.
      BackOff();
    }
    CountLatencies({received, expected});
    if (expected > 0) inbox_->deliver_(inbox_->context_, {received, expected});
  }

  // Receives messages while the next one is sure to fit into the batch, and returns the number of connections.
  size_t ReceiveBatch(Connection* batch, bool* broken) {
    size_t count = 0;
    while (count + kMessageMax <= kBatchMax) {
      size_t received = 0;
      inbox_->CountTaking(kMessageMax);
      const Transfer transfer = ReceiveConnections(channel_, batch + count, &received);
      inbox_->CountAccepted(received);
      *broken = transfer == Transfer::kBroken;
      if (transfer != Transfer::kDone) break;
      count += received;
    }
    room_ -= count;
    received_since_count_ += count;
    return count;
  }

  // Moves the connections of expected listeners to the front, in their order, and returns how many they are. The others wait for
  // SendReturns.
  size_t KeepExpected(std::span<Connection> received) {
    size_t kept = 0;
    for (Connection& connection : received) {
      if (expected_[connection.listener]) {
        std::swap(received[kept++], connection);
      } else {
        returning_.push_back(std::move(connection));
      }
    }
    return kept;
  }

  void CountLatencies(std::span<const Connection> connections) const {
    const uint64_t now_ns = uv_hrtime();
    for (const Connection& connection : connections) {
      const uint64_t latency_us = (now_ns - connection.placed_ns) / 1000;
      const auto bound = std::lower_bound(kLatencyBoundsUs.begin(), kLatencyBoundsUs.end(), latency_us);
      const auto bin = static_cast<uint32_t>(bound - kLatencyBoundsUs.begin());
      Count(inbox_->CellAt(WorkerCell::kLatency + bin));
      Count(inbox_->CellAt(WorkerCell::kLatencyUs), static_cast<double>(latency_us));
    }
  }

  // Whether the process has descriptors for a batch. Counting them takes a system call. They are counted each time if they are scarce,
  // else once in kWindow connections.
  bool HasRoom() {
    if (room_ < kPlenty || received_since_count_ >= kWindow) {
      room_ = DescriptorsLeft();
      received_since_count_ = 0;
    }
    return room_ >= kBatchMax;
  }

  // Publishes how many connections may wait in the channel. False if that is none.
  // The credits are written before kHungry is read. SlotQueue writes kHungry before it reads the credits. So no wakeup is lost.
  bool OfferCredits() {
    const size_t credits = HasRoom() ? std::min(room_, kWindow) : 0;
    inbox_->CellAt(WorkerCell::kCredits).store(static_cast<double>(credits));
    if (credits > 0 && inbox_->memory_->slot(inbox_->slot_, SlotCell::kHungry).load() != 0) Poke(channel_);
    return credits > 0;
  }

  // Sends the connections of listeners that are not expected back to the acceptor. True if none is left.
  bool SendReturns() {
    while (!returning_.empty()) {
      const Connection* message[kMessageMax];
      const size_t count = std::min(returning_.size(), kMessageMax);
      for (size_t i = 0; i < count; ++i) message[i] = &returning_[i];
      if (SendConnections(channel_, {message, count}) != Transfer::kDone) return false;
      returning_.erase(returning_.begin(), returning_.begin() + static_cast<ptrdiff_t>(count));
      Count(inbox_->CellAt(WorkerCell::kReturned), static_cast<double>(count));
      Count(inbox_->CellAt(WorkerCell::kClosed), static_cast<double>(count));
    }
    return true;
  }

  WorkerInbox* const inbox_;
  const int channel_;
  std::bitset<256> expected_;
  std::vector<Connection> returning_;
  size_t room_ = 0;
  size_t received_since_count_ = 0;
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
  // Moved out first, because `deliver` may call StopAccepting again.
  const std::unique_ptr<AcceptLoop, WatchedDescriptor::Closer> accept_loop = std::move(accept_loops_[listener]);
  for (size_t accepted = 0; accept_loop && drain && accepted < kBacklogMax;) {
    const size_t more = accept_loop->AcceptBatch();
    if (more == 0) break;
    accepted += more;
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

void WorkerInbox::CountTaking(size_t count) const {
  CellAt(WorkerCell::kTaking).store(static_cast<double>(count), std::memory_order_relaxed);
}

// Counts in kAccepted first. Between the two stores a connection counts twice rather than not at all.
void WorkerInbox::CountAccepted(size_t count) const {
  if (count > 0) Count(CellAt(WorkerCell::kAccepted), static_cast<double>(count));
  CellAt(WorkerCell::kTaking).store(0, std::memory_order_relaxed);
}

void WorkerInbox::CountClient(const ClientKey& client) {
  busiest_.Saw(client);
  if (!memory_->IsHome(client, slot_)) Count(CellAt(WorkerCell::kMissteered));
}

void WorkerInbox::PublishBusiest() const {
  CellAt(WorkerCell::kSteered).store(static_cast<double>(busiest_.seen()), std::memory_order_relaxed);
  CellAt(WorkerCell::kBusiest).store(static_cast<double>(busiest_.count()), std::memory_order_relaxed);
}

}  // namespace limpet
