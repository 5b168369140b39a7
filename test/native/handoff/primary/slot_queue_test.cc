// What comes back through a slot's channel, and who gets it then.
#include "handoff/primary/slot_queue.h"

#include <sys/socket.h>

#include "check.h"

using namespace limpet;

namespace {

constexpr uint8_t kListener = 3;

// Any descriptor will do for a connection.
Descriptor AnySocket() {
  int ends[2] = {-1, -1};
  Check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  close(ends[1]);
  return Descriptor(ends[0]);
}

// A process hands back what it had read and goes; the next one is seated before the acceptor looks. It must get all.
void LateReturnsDoNotUnseatTheSuccessor() {
  constexpr uint32_t kSlot = 2;
  Descriptor shared;
  SharedMemory memory;
  Check(SharedMemory::Create(&shared).ok());
  Check(SharedMemory::Map(shared.get(), &memory).ok());
  const std::vector<uint16_t> homes(64, kSlot);
  SlotQueue queue(&memory, &homes, kSlot);
  Check(queue.Open().ok());

  const auto attach = [&](uint32_t worker_index) {
    memory.worker(worker_index, WorkerCell::kCredits).store(100);
    queue.Attach(kListener, worker_index);
    queue.Flush();
  };
  queue.Push({AnySocket(), kListener, 7});
  attach(0);
  Check(queue.in_channel() == 1);

  Connection taken[kMessageMax];
  const Connection* returned[] = {&taken[0]};
  size_t count = 0;
  Check(ReceiveConnections(queue.worker_end(), taken, &count) == Transfer::kDone);
  Check(count == 1);
  Check(SendConnections(queue.worker_end(), returned) == Transfer::kDone);
  taken[0].socket.Reset();
  queue.Detach(kListener);
  attach(1);

  Check(queue.Receive() == SlotQueue::Result::kDone);
  Check(queue.queued() == 1);
  Check(queue.Flush() == SlotQueue::Result::kDone);
  Check(queue.queued() == 0);
  Check(queue.in_channel() == 1);
  queue.Push({AnySocket(), kListener, 8});
  queue.Flush();
  Check(queue.in_channel() == 2);
  Check(memory.slot(kSlot, SlotCell::kHanded).load() == 2);
}

}  // namespace

int main() {
  LateReturnsDoNotUnseatTheSuccessor();
  return failures == 0 ? 0 : 1;
}
