// A worker's inbox delivers connections in batches, returns those that it does not expect, and loses none.
#include "handoff/worker/worker_inbox.h"

#include <memory>
#include <utility>
#include <vector>

#include "check.h"
#include "handoff/loopback.h"
#include "handoff/socket_pair.h"

using namespace limpet;

namespace {

constexpr uint8_t kListener = 3;
constexpr uint8_t kOtherListener = 4;
constexpr uint32_t kSlot = 2;
constexpr uint32_t kWorkerIndex = 9;

class Fixture {
 public:
  explicit Fixture(bool keeps_sockets = true) : keeps_sockets_(keeps_sockets) {
    Descriptor shared;
    Check(SharedMemory::Create(&shared).ok());
    Check(SharedMemory::Map(shared.get(), &memory_).ok());
    Check(ChannelPair::Open(&channel_).ok());
    uv_loop_init(&loop_);
    inbox_ = std::make_unique<WorkerInbox>(&loop_, &memory_, kWorkerIndex, kSlot, OnBatch, this);
  }
  ~Fixture() {
    inbox_.reset();
    uv_run(&loop_, UV_RUN_DEFAULT);
    Check(uv_loop_close(&loop_) == 0);
  }

  WorkerInbox& inbox() { return *inbox_; }
  const ChannelPair& channel() const { return channel_; }
  double Cell(uint32_t cell) const { return memory_.worker(kWorkerIndex, cell).load(); }
  SharedMemory& memory() { return memory_; }
  const std::vector<size_t>& batches() const { return batches_; }
  const std::vector<Connection>& delivered() const { return delivered_; }

  void Receive() { Check(inbox_->Receive(channel_.worker_end.get()).ok()); }
  void RunOnce() { uv_run(&loop_, UV_RUN_NOWAIT); }

  // The acceptor sends connections in one message. Returns their clients.
  std::vector<Descriptor> Send(const std::vector<uint8_t>& listeners) {
    std::vector<Descriptor> clients;
    std::vector<Connection> connections;
    std::vector<const Connection*> message;
    for (const uint8_t listener : listeners) {
      SocketPair pair;
      connections.push_back({.socket = std::move(pair.socket), .listener = listener, .bucket = next_bucket_++});
      connections.back().placed_ns = uv_hrtime();
      clients.push_back(std::move(pair.client));
    }
    for (const Connection& connection : connections) message.push_back(&connection);
    Check(SendConnections(channel_.primary_end.get(), message) == Transfer::kDone);
    return clients;
  }

  // The acceptor receives one message of returned connections.
  std::vector<Connection> Returned() {
    std::vector<Connection> received(kMessageMax);
    size_t count = 0;
    ReceiveConnections(channel_.primary_end.get(), received.data(), &count);
    received.resize(count);
    return received;
  }

 private:
  static void OnBatch(void* self, std::span<Connection> connections) {
    auto* const fixture = static_cast<Fixture*>(self);
    fixture->batches_.push_back(connections.size());
    if (!fixture->keeps_sockets_) return;
    for (Connection& connection : connections) fixture->delivered_.push_back(std::move(connection));
  }

  const bool keeps_sockets_;
  SharedMemory memory_;
  ChannelPair channel_;
  uv_loop_t loop_;
  std::unique_ptr<WorkerInbox> inbox_;
  std::vector<size_t> batches_;
  std::vector<Connection> delivered_;
  uint16_t next_bucket_ = 0;
};

void ReceivesInOrderAndInBatches() {
  Fixture fixture;
  fixture.Receive();
  fixture.inbox().Expect(kListener, true);
  Check(fixture.Cell(WorkerCell::kCredits) == 256);
  std::vector<std::vector<Descriptor>> clients;
  for (const size_t count : {8, 8, 4}) clients.push_back(fixture.Send(std::vector<uint8_t>(count, kListener)));
  for (int i = 0; i < 5; ++i) fixture.RunOnce();
  Check(fixture.batches() == std::vector<size_t>({16, 4}));
  for (size_t i = 0; i < fixture.delivered().size(); ++i) Check(fixture.delivered()[i].bucket == i);
  Check(fixture.Cell(WorkerCell::kAccepted) == 20 && fixture.Cell(WorkerCell::kTaking) == 0);
  Check(fixture.Cell(WorkerCell::kClosed) == 0 && fixture.Cell(WorkerCell::kReturned) == 0);
  double latencies = 0;
  for (uint32_t bin = 0; bin <= kLatencyBoundsUs.size(); ++bin) latencies += fixture.Cell(WorkerCell::kLatency + bin);
  Check(latencies == 20);
  for (const Descriptor& client : clients[2]) Check(IsOpen(client));
}

void ReadsNothingUntilAListenerIsExpected() {
  Fixture fixture;
  fixture.Receive();
  const std::vector<Descriptor> clients = fixture.Send({kListener});
  fixture.RunOnce();
  Check(fixture.batches().empty() && WaitingIn(fixture.channel().worker_end.get()) == 1);
  fixture.inbox().Expect(kListener, true);
  fixture.RunOnce();
  Check(fixture.batches().size() == 1);
  fixture.inbox().Expect(kListener, false);
  const std::vector<Descriptor> later = fixture.Send({kListener});
  fixture.RunOnce();
  Check(fixture.batches().size() == 1 && WaitingIn(fixture.channel().worker_end.get()) == 1);
  Check(IsOpen(later[0]));
}

void KeepsReadingWhileAnyListenerIsExpected() {
  Fixture fixture;
  fixture.Receive();
  fixture.inbox().Expect(kListener, true);
  fixture.inbox().Expect(kOtherListener, true);
  fixture.inbox().Expect(kListener, false);
  const std::vector<Descriptor> clients = fixture.Send({kOtherListener});
  fixture.RunOnce();
  Check(fixture.batches() == std::vector<size_t>({1}));
}

void ReturnsConnectionsOfOtherListeners() {
  Fixture fixture;
  fixture.Receive();
  fixture.inbox().Expect(kListener, true);
  const std::vector<Descriptor> clients = fixture.Send({kListener, kOtherListener, kListener, kOtherListener, kListener});
  fixture.RunOnce();
  Check(fixture.batches() == std::vector<size_t>({3}));
  for (const Connection& connection : fixture.delivered()) Check(connection.bucket % 2 == 0);
  Check(fixture.Cell(WorkerCell::kAccepted) == 5 && fixture.Cell(WorkerCell::kReturned) == 2);
  Check(fixture.Cell(WorkerCell::kClosed) == 2);
  {
    const std::vector<Connection> returned = fixture.Returned();
    Check(returned.size() == 2 && returned[0].bucket == 1 && returned[1].bucket == 3);
    Check(IsOpen(clients[1]) && IsOpen(clients[3]));
  }
  // The acceptor had the last copies.
  Check(IsClosed(clients[1]) && IsClosed(clients[3]));
}

void ConnectionsThatCannotBeReturnedAreSentLater() {
  Fixture fixture;
  const int smallest = 1;
  Check(setsockopt(fixture.channel().worker_end.get(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) == 0);
  while (WaitingIn(fixture.channel().primary_end.get()) < 1000) {
    const size_t before = WaitingIn(fixture.channel().primary_end.get());
    Poke(fixture.channel().worker_end.get());
    if (WaitingIn(fixture.channel().primary_end.get()) == before) break;
  }
  fixture.Receive();
  fixture.inbox().Expect(kListener, true);
  const std::vector<Descriptor> clients = fixture.Send({kOtherListener});
  fixture.RunOnce();
  Check(fixture.Cell(WorkerCell::kReturned) == 0 && fixture.Cell(WorkerCell::kStarved) == 1 && IsOpen(clients[0]));
  while (WaitingIn(fixture.channel().primary_end.get()) > 0) Check(fixture.Returned().empty());
  // The inbox tries again after its backoff of 10 ms.
  poll(nullptr, 0, 15);
  fixture.RunOnce();
  Check(fixture.Cell(WorkerCell::kReturned) == 1 && fixture.Returned().size() == 1);
}

void ConnectionsThatCouldNotBeReturnedAreClosedAtTheEnd() {
  std::vector<Descriptor> clients;
  {
    Fixture fixture;
    const int smallest = 1;
    Check(setsockopt(fixture.channel().worker_end.get(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) == 0);
    for (int i = 0; i < 1000; ++i) Poke(fixture.channel().worker_end.get());
    fixture.Receive();
    fixture.inbox().Expect(kListener, true);
    clients = fixture.Send({kOtherListener});
    fixture.RunOnce();
    Check(IsOpen(clients[0]));
  }
  Check(IsClosed(clients[0]));
}

void SocketsThatAreNotTakenAreClosed() {
  Fixture fixture(false);
  fixture.Receive();
  fixture.inbox().Expect(kListener, true);
  const std::vector<Descriptor> clients = fixture.Send({kListener, kListener});
  fixture.RunOnce();
  Check(fixture.batches() == std::vector<size_t>({2}));
  Check(IsClosed(clients[0]) && IsClosed(clients[1]));
}

void PokesTheAcceptorIfItWaitsForCredits() {
  Fixture fixture;
  fixture.memory().slot(kSlot, SlotCell::kHungry).store(1);
  fixture.Receive();
  Check(WaitingIn(fixture.channel().primary_end.get()) == 0);
  fixture.inbox().Expect(kListener, true);
  Check(WaitingIn(fixture.channel().primary_end.get()) == 1);
  Check(fixture.Returned().empty());
}

void AfterStopConnectionsStayInTheChannel() {
  Fixture fixture;
  fixture.Receive();
  fixture.inbox().Expect(kListener, true);
  fixture.inbox().Stop();
  const std::vector<Descriptor> clients = fixture.Send({kListener});
  fixture.RunOnce();
  fixture.inbox().Expect(kListener, true);
  fixture.RunOnce();
  Check(fixture.batches().empty() && WaitingIn(fixture.channel().worker_end.get()) == 1 && IsOpen(clients[0]));
}

void AcceptsFromItsOwnListeningSocket() {
  Fixture fixture;
  Descriptor listener;
  Check(ListenExclusively(Loopback(), 64, &listener).ok());
  const ListenAddress address = AddressOf(listener.get());
  Check(fixture.inbox().Accept(kListener, std::move(listener)).ok());
  std::vector<Descriptor> clients;
  for (uint32_t i = 0; i < 20; ++i) clients.push_back(Connect(address, LoopbackAddress(7)));
  fixture.RunOnce();
  Check(fixture.batches() == std::vector<size_t>({16}));

  // Draining delivers the connections that wait, then closes the socket.
  fixture.inbox().StopAccepting(kListener, true);
  Check(fixture.batches() == std::vector<size_t>({16, 4}));
  for (const Connection& connection : fixture.delivered()) Check(connection.listener == kListener && connection.socket.valid());
  Check(fixture.Cell(WorkerCell::kAccepted) == 20 && fixture.Cell(WorkerCell::kSteered) == 20);
  Check(fixture.Cell(WorkerCell::kBusiest) == 20 && fixture.Cell(WorkerCell::kMissteered) == 0);
  Check(!Connect(address, LoopbackAddress(8)).valid() && errno == ECONNREFUSED);
  fixture.inbox().StopAccepting(kListener, true);
}

}  // namespace

int main() {
  ReceivesInOrderAndInBatches();
  ReadsNothingUntilAListenerIsExpected();
  KeepsReadingWhileAnyListenerIsExpected();
  ReturnsConnectionsOfOtherListeners();
  ConnectionsThatCannotBeReturnedAreSentLater();
  ConnectionsThatCouldNotBeReturnedAreClosedAtTheEnd();
  SocketsThatAreNotTakenAreClosed();
  PokesTheAcceptorIfItWaitsForCredits();
  AfterStopConnectionsStayInTheChannel();
  AcceptsFromItsOwnListeningSocket();
  return failures == 0 ? 0 : 1;
}
