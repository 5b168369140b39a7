// What comes back through a slot's channel, and who gets it then.
#include "handoff/primary/slot_queue.h"

#include <sys/socket.h>

#include "check.h"

using namespace limpet;

namespace {

constexpr uint8_t kListener = 3;

// Any descriptor will do for a connection.
Descriptor Connection() {
  int ends[2] = {-1, -1};
  Check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  close(ends[1]);
  return Descriptor(ends[0]);
}

// A process hands back what it had read and goes; the next one is seated before the acceptor looks. It must get all.
void LateReturnsDoNotUnseatTheSuccessor() {
  constexpr uint32_t kSlot = 2;
  Descriptor memory;
  SharedPage page;
  Check(SharedPage::Create(&memory).ok());
  Check(SharedPage::Map(memory.get(), &page).ok());
  const std::vector<uint16_t> homes(64, kSlot);
  SlotOutbox outbox(&page, &homes, kSlot);
  Check(outbox.Open().ok());

  const auto seat = [&](uint32_t row) {
    page.worker(row, WorkerCell::kCredits).store(100);
    outbox.Seat(kListener, row);
    outbox.Flush();
  };
  outbox.Push({Connection().Release(), kListener, 7});
  seat(0);
  Check(outbox.in_channel() == 1);

  Passed taken[kMessageMax];
  size_t count = 0;
  Check(ReceiveConnections(outbox.worker_end(), taken, &count) == Transfer::kDone);
  Check(count == 1);
  Check(SendConnections(outbox.worker_end(), taken, count) == Transfer::kDone);
  close(taken[0].fd);
  outbox.Unseat(kListener);
  seat(1);

  Check(outbox.Read() == SlotOutbox::Flushed::kDone);
  Check(outbox.queued() == 1);
  Check(outbox.Flush() == SlotOutbox::Flushed::kDone);
  Check(outbox.queued() == 0);
  Check(outbox.in_channel() == 1);
  outbox.Push({Connection().Release(), kListener, 8});
  outbox.Flush();
  Check(outbox.in_channel() == 2);
  Check(page.slot(kSlot, SlotCell::kHanded).load() == 2);
}

}  // namespace

int main() {
  LateReturnsDoNotUnseatTheSuccessor();
  return failures == 0 ? 0 : 1;
}
