// Connections wait in a slot's queue, leave it when a worker takes them, and come back if it does not.
#include "handoff/primary/slot_queue.h"

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "check.h"
#include "handoff/socket_pair.h"

using namespace limpet;

namespace {

constexpr uint8_t kListener = 3;
constexpr uint8_t kOtherListener = 4;
constexpr uint32_t kSlot = 2;
constexpr uint16_t kOtherSlot = 5;
// The bucket whose home is kOtherSlot. The home of all others is kSlot.
constexpr uint16_t kForeignBucket = 63;

// The queue of kSlot, and the worker processes that read from its channel.
class Fixture {
 public:
  Fixture() : homes_(64, kSlot) {
    homes_[kForeignBucket] = kOtherSlot;
    Descriptor shared;
    Check(SharedMemory::Create(&shared).ok());
    Check(SharedMemory::Map(shared.get(), &memory_).ok());
    queue_ = std::make_unique<SlotQueue>(&memory_, &homes_, kSlot);
    Check(queue_->Open().ok());
  }

  SlotQueue& queue() { return *queue_; }
  void DestroyQueue() { queue_.reset(); }
  double Cell(uint32_t cell) const { return memory_.slot(kSlot, cell).load(); }
  void SetCredits(uint32_t worker_index, double credits) {
    memory_.worker(worker_index, WorkerCell::kCredits).store(credits);
  }
  void SetOpen(uint32_t worker_index, double accepted, double closed) {
    memory_.worker(worker_index, WorkerCell::kAccepted).store(accepted);
    memory_.worker(worker_index, WorkerCell::kClosed).store(closed);
  }

  // Puts a connection into the queue, and returns its client.
  Descriptor Push(uint16_t bucket = 0, uint8_t listener = kListener) {
    SocketPair pair;
    queue_->Push({.socket = std::move(pair.socket), .listener = listener, .bucket = bucket});
    return std::move(pair.client);
  }

  // A worker process attaches with these credits.
  void Attach(uint32_t worker_index, double credits) {
    SetCredits(worker_index, credits);
    queue_->Attach(kListener, worker_index);
  }

  // The worker reads one message.
  std::vector<Connection> WorkerReads() {
    std::vector<Connection> received(kMessageMax);
    size_t count = 0;
    Check(ReceiveConnections(queue_->worker_end(), received.data(), &count) == Transfer::kDone);
    received.resize(count);
    return received;
  }

  // The worker returns these connections.
  void WorkerReturns(std::vector<Connection> connections) {
    std::vector<const Connection*> message;
    for (const Connection& connection : connections) message.push_back(&connection);
    Check(SendConnections(queue_->worker_end(), message) == Transfer::kDone);
  }

 private:
  SharedMemory memory_;
  std::vector<uint16_t> homes_;
  std::unique_ptr<SlotQueue> queue_;
};

std::vector<uint16_t> BucketsOf(const std::deque<Connection>& connections) {
  std::vector<uint16_t> buckets;
  for (const Connection& connection : connections) buckets.push_back(connection.bucket);
  return buckets;
}

void AConnectionWaitsUntilAWorkerIsAttached() {
  Fixture fixture;
  const Descriptor client = fixture.Push();
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().queued() == 1 && fixture.queue().in_channel() == 0);
  Check(fixture.Cell(SlotCell::kQueued) == 1 && fixture.Cell(SlotCell::kHungry) == 0);
  fixture.Attach(0, 100);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().queued() == 0 && fixture.queue().in_channel() == 1);
  Check(fixture.Cell(SlotCell::kQueued) == 0 && fixture.Cell(SlotCell::kHanded) == 1);
  Check(IsOpen(client));
  fixture.WorkerReads();
  // The worker had the last copy.
  Check(IsClosed(client));
}

void ConnectionsOfOtherListenersAreLeftInTheirOrder() {
  Fixture fixture;
  std::vector<Descriptor> clients;
  for (uint16_t i = 0; i < 7; ++i) clients.push_back(fixture.Push(i, i % 3 == 0 ? kOtherListener : kListener));
  fixture.Attach(0, 100);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().in_channel() == 4);
  Check(fixture.queue().queued(kListener) == 0 && fixture.queue().queued(kOtherListener) == 3);
  // They do not follow each other in the queue, so they travel in two messages.
  Check(fixture.WorkerReads().size() == 2 && fixture.WorkerReads().size() == 2);
  Check(BucketsOf(fixture.queue().TakeAll()) == std::vector<uint16_t>({0, 3, 6}));
  for (size_t i = 0; i < clients.size(); ++i) Check(IsClosed(clients[i]));
}

void TheChannelNeverHoldsMoreThanTheCredits() {
  Fixture fixture;
  std::vector<Descriptor> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(fixture.Push());
  fixture.Attach(0, 10);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().in_channel() == 10 && fixture.queue().queued() == 10);
  Check(fixture.Cell(SlotCell::kHungry) == 1);

  Check(fixture.WorkerReads().size() == 8);
  Poke(fixture.queue().worker_end());
  Check(fixture.queue().Receive() == SlotQueue::Result::kDone);
  Check(fixture.Cell(SlotCell::kHungry) == 0);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().in_channel() == 10 && fixture.queue().queued() == 2);
}

void AWorkerWithoutCreditsGetsNothing() {
  Fixture fixture;
  const Descriptor client = fixture.Push();
  fixture.Attach(0, 0);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().in_channel() == 0 && fixture.queue().queued() == 1);
  Check(fixture.Cell(SlotCell::kHungry) == 1 && IsOpen(client));
}

void AFullChannelIsTriedAgain() {
  Fixture fixture;
  const int smallest = 1;
  Check(setsockopt(fixture.queue().primary_end(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) == 0);
  std::vector<Descriptor> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(fixture.Push());
  fixture.Attach(0, 1000);
  Check(fixture.queue().Flush() == SlotQueue::Result::kRetry);
  const size_t sent = fixture.queue().in_channel();
  Check(sent > 0 && sent < 200 && fixture.queue().queued() == 200 - sent);
  Check(fixture.Cell(SlotCell::kHanded) == static_cast<double>(sent));
  for (const Descriptor& client : clients) Check(IsOpen(client));

  size_t taken = 0;
  while (taken < 200) {
    while (fixture.queue().in_channel() > 0) taken += fixture.WorkerReads().size();
    fixture.queue().Flush();
    if (fixture.queue().in_channel() == 0) break;
  }
  Check(taken == 200 && fixture.queue().queued() == 0);
  for (const Descriptor& client : clients) Check(IsClosed(client));
}

void UnreadConnectionsReturnToTheFrontOnDetach() {
  Fixture fixture;
  std::vector<Descriptor> clients;
  for (const uint16_t bucket : {uint16_t{1}, kForeignBucket, uint16_t{2}}) clients.push_back(fixture.Push(bucket));
  fixture.Attach(0, 100);
  fixture.queue().Flush();
  Check(fixture.Cell(SlotCell::kHanded) == 3 && fixture.Cell(SlotCell::kDiverted) == 1);
  clients.push_back(fixture.Push(3));

  fixture.queue().Detach(kListener);
  Check(fixture.queue().in_channel() == 0 && fixture.queue().queued() == 4);
  Check(fixture.Cell(SlotCell::kHanded) == 0 && fixture.Cell(SlotCell::kDiverted) == 0 && fixture.Cell(SlotCell::kQueued) == 4);
  fixture.queue().Flush();
  Check(fixture.queue().queued() == 4);
  for (const Descriptor& client : clients) Check(IsOpen(client));
  Check(BucketsOf(fixture.queue().TakeAll()) == std::vector<uint16_t>({1, kForeignBucket, 2, 3}));
}

void APinnedConnectionHasItsHomeInThePinnedSlot() {
  Fixture fixture;
  SocketPair pinned, elsewhere;
  fixture.queue().Push({.socket = std::move(pinned.socket), .listener = kListener, .bucket = kForeignBucket, .pinned = kSlot});
  fixture.queue().Push({.socket = std::move(elsewhere.socket), .listener = kListener, .bucket = 1, .pinned = kOtherSlot});
  fixture.Attach(0, 100);
  fixture.queue().Flush();
  Check(fixture.Cell(SlotCell::kHanded) == 2 && fixture.Cell(SlotCell::kDiverted) == 1);
}

// A worker returns a connection and exits. The next worker is attached before the acceptor receives what was returned.
void ReturnsThatArriveLateGoToTheNextWorker() {
  Fixture fixture;
  const Descriptor client = fixture.Push(7);
  fixture.Attach(0, 100);
  fixture.queue().Flush();
  fixture.WorkerReturns(fixture.WorkerReads());
  fixture.queue().Detach(kListener);
  fixture.Attach(1, 100);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);

  Check(fixture.queue().Receive() == SlotQueue::Result::kDone);
  Check(fixture.queue().queued() == 1 && fixture.Cell(SlotCell::kHanded) == 0);
  Check(fixture.queue().Flush() == SlotQueue::Result::kDone);
  Check(fixture.queue().queued() == 0 && fixture.queue().in_channel() == 1);
  const Descriptor later = fixture.Push(8);
  fixture.queue().Flush();
  Check(fixture.queue().in_channel() == 2 && fixture.Cell(SlotCell::kHanded) == 2);
  const std::vector<Connection> received = fixture.WorkerReads();
  Check(received.size() == 1 && received[0].bucket == 7 && IsOpen(client));
}

void TheLoadCountsOpenSentAndWaitingConnections() {
  Fixture fixture;
  Check(fixture.queue().Load() == 0);
  fixture.Attach(6, 1);
  fixture.SetOpen(6, 50, 8);
  const Descriptor sent = fixture.Push(), waiting = fixture.Push();
  fixture.queue().Flush();
  Check(fixture.queue().in_channel() == 1 && fixture.queue().queued() == 1);
  Check(fixture.queue().Load() == 44);
  // A worker may count a connection as closed before it counts it as accepted.
  fixture.SetOpen(6, 8, 9);
  Check(fixture.queue().Load() == 2);
}

void RefusedConnectionsAreCounted() {
  Fixture fixture;
  fixture.queue().CountRefused(SlotCell::kQueueFull);
  fixture.queue().CountRefused(SlotCell::kQueueFull);
  fixture.queue().CountRefused(SlotCell::kAbandoned);
  Check(fixture.Cell(SlotCell::kQueueFull) == 2 && fixture.Cell(SlotCell::kAbandoned) == 1);
}

void TheQueueClosesItsConnectionsAtItsEnd() {
  Fixture fixture;
  std::vector<Descriptor> clients;
  clients.push_back(fixture.Push());
  fixture.Attach(0, 100);
  fixture.queue().Flush();
  clients.push_back(fixture.Push(0, kOtherListener));
  Check(fixture.queue().in_channel() == 1 && fixture.queue().queued() == 1);
  // A worker that lives on still has its end of the channel.
  const Descriptor inherited = Descriptor::Duplicate(fixture.queue().worker_end());
  fixture.DestroyQueue();
  for (const Descriptor& client : clients) Check(IsClosed(client));
  Check(WaitingIn(inherited.get()) == 0);
}

}  // namespace

int main() {
  AConnectionWaitsUntilAWorkerIsAttached();
  ConnectionsOfOtherListenersAreLeftInTheirOrder();
  TheChannelNeverHoldsMoreThanTheCredits();
  AWorkerWithoutCreditsGetsNothing();
  AFullChannelIsTriedAgain();
  UnreadConnectionsReturnToTheFrontOnDetach();
  APinnedConnectionHasItsHomeInThePinnedSlot();
  ReturnsThatArriveLateGoToTheNextWorker();
  TheLoadCountsOpenSentAndWaitingConnections();
  RefusedConnectionsAreCounted();
  TheQueueClosesItsConnectionsAtItsEnd();
  return failures == 0 ? 0 : 1;
}
