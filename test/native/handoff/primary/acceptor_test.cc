// A stress test of acceptor, channels and inboxes. Workers die and are replaced, slots go down, clients give up, queues overflow. In the
// end the record of the clients and the record of the workers must agree for every connection. LIMPET_HAMMER_ROUNDS sets the number of
// rounds.
#include "handoff/primary/acceptor.h"

#include <poll.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "check.h"
#include "handoff/loopback.h"
#include "handoff/worker/worker_inbox.h"
#include "ring/ring.h"

using namespace limpet;

namespace {

constexpr HashKey kKey{0x6b657931, 0x6b657932};
constexpr uint32_t kSlots = 4;
constexpr uint8_t kListener = 3;
constexpr size_t kQueueMax = 120;

// How often each client was served, by its address and port. Every worker's thread writes to it.
class Ledger {
 public:
  Ledger() { uv_mutex_init(&mutex_); }
  ~Ledger() { uv_mutex_destroy(&mutex_); }

  static uint64_t NameOf(const sockaddr_in& client) {
    return uint64_t{ntohl(client.sin_addr.s_addr)} << 16 | ntohs(client.sin_port);
  }
  void Served(int fd) {
    sockaddr_in client{};
    socklen_t length = sizeof client;
    const bool known = getpeername(fd, reinterpret_cast<sockaddr*>(&client), &length) == 0;
    uv_mutex_lock(&mutex_);
    ++all_;
    if (known) ++times_[NameOf(client)];
    uv_mutex_unlock(&mutex_);
  }
  int TimesServed(uint64_t name) const {
    const auto found = times_.find(name);
    return found == times_.end() ? 0 : found->second;
  }
  size_t all() const { return all_; }

 private:
  mutable uv_mutex_t mutex_;
  std::map<uint64_t, int> times_;
  size_t all_ = 0;
};

// Stands for a worker process: a thread with its own loop and inbox.
class Worker {
 public:
  Worker(const SharedMemory* memory, uint32_t slot, uint32_t worker_index, int channel, Ledger* ledger)
      : worker_index_(worker_index), memory_(memory), slot_(slot), channel_(Descriptor::Duplicate(channel)), ledger_(ledger) {
    uv_loop_init(&loop_);
    stop_.data = this;
    uv_async_init(&loop_, &stop_, [](uv_async_t* stop) {
      static_cast<Worker*>(stop->data)->inbox_->Stop();
      uv_close(reinterpret_cast<uv_handle_t*>(stop), nullptr);
    });
    uv_thread_create(&thread_, [](void* self) { static_cast<Worker*>(self)->Run(); }, this);
  }

  // The worker dies between two wakeups. Connections that it has not received stay in the channel.
  ~Worker() {
    uv_async_send(&stop_);
    uv_thread_join(&thread_);
    uv_loop_close(&loop_);
  }

  uint32_t worker_index() const { return worker_index_; }

 private:
  void Run() {
    inbox_ = std::make_unique<WorkerInbox>(&loop_, memory_, worker_index_, slot_, Deliver, this);
    Check(inbox_->Receive(channel_.get()).ok());
    inbox_->Expect(kListener, true);
    uv_run(&loop_, UV_RUN_DEFAULT);
    inbox_.reset();
  }

  static void Deliver(void* self, std::span<Connection> connections) {
    auto* worker = static_cast<Worker*>(self);
    Check(connections.size() >= 1 && connections.size() <= kBatchMax);
    for (Connection& connection : connections) {
      Check(connection.listener == kListener);
      worker->ledger_->Served(connection.socket.get());
      connection.socket.Reset();
      Count(worker->memory_->worker(worker->worker_index_, WorkerCell::kClosed));
    }
  }

  const uint32_t worker_index_;
  const SharedMemory* const memory_;
  const uint32_t slot_;
  const Descriptor channel_;
  Ledger* const ledger_;
  uv_loop_t loop_;
  uv_async_t stop_;
  uv_thread_t thread_;
  std::unique_ptr<WorkerInbox> inbox_;
};

class Hammer {
 public:
  Hammer() : homes_(1024) {
    BuildHomes(weights_, homes_);
    Descriptor memory, listener;
    Check(SharedMemory::Create(&memory).ok());
    Check(SharedMemory::Map(memory.get(), &memory_).ok());
    acceptor_ = std::make_unique<Acceptor>(&memory_, Acceptor::Settings{kKey, 64, kQueueMax}, [](void*) {}, nullptr);
    Check(acceptor_->Start().ok());
    Check(ListenExclusively(Loopback(), 4096, &listener).ok());
    address_ = AddressOf(listener.get());
    UpdateRing();
    const uint32_t source = acceptor_->Add(kListener, std::move(listener));
    acceptor_->Serve(source, Acceptor::AcceptMode::kServed, {});
    for (uint32_t slot = 0; slot < kSlots; ++slot) Attach(slot);
  }

  void Round() {
    ConnectSome(1 + random_.Below(150));
    const uint32_t slot = random_.Below(kSlots);
    switch (random_.Below(6)) {
      case 0:
        Kill(slot);
        break;
      case 1:
        Kill(slot);
        Attach(slot);
        break;
      case 2:
        down_[slot] = 1;
        UpdateRing();
        break;
      case 3:
        GiveUpSome();
        break;
      default:
        Recover();
    }
  }

  void Finish() {
    Recover();
    // Close accepts the connections that still wait in the kernel. IsEmpty counts them only after that.
    acceptor_->Close(kListener);
    for (int waited_ms = 0; !acceptor_->IsEmpty(kListener) && waited_ms < 20'000; ++waited_ms) poll(nullptr, 0, 1);
    Check(acceptor_->IsEmpty(kListener));
    for (auto& worker : workers_) worker.reset();
    size_t refused = 0;
    double accepted = 0, closed = 0;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      refused += static_cast<size_t>(memory_.slot(slot, SlotCell::kQueueFull).load());
    }
    for (uint32_t worker_index = 0; worker_index < next_worker_index_; ++worker_index) {
      accepted += memory_.worker(worker_index, WorkerCell::kAccepted).load();
      closed += memory_.worker(worker_index, WorkerCell::kClosed).load();
    }
    Check(accepted == closed);
    Check(connected_ == ledger_.all() + refused);
    size_t unserved = 0;
    for (const Client& client : clients_) {
      const int times = ledger_.TimesServed(client.name);
      Check(times <= 1);
      unserved += times == 0 ? 1 : 0;
    }
    Check(unserved <= refused + gave_up_);
    printf("%zu connections, %zu refused, %zu gave up, %u workers\n", connected_, refused, gave_up_, next_worker_index_);
    acceptor_.reset();
  }

 private:
  struct Client {
    uint64_t name;
    Descriptor socket;
  };

  void ConnectSome(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      Descriptor client = Connect(address_, LoopbackAddress(static_cast<uint32_t>(connected_)));
      Check(client.valid());
      if (!client.valid()) return;
      sockaddr_in name{};
      socklen_t length = sizeof name;
      getsockname(client.get(), reinterpret_cast<sockaddr*>(&name), &length);
      clients_.push_back({Ledger::NameOf(name), std::move(client)});
      ++connected_;
    }
    // Old clients whose connection the worker has closed are closed too, so that the test does not run out of descriptors.
    if (clients_.size() > 600) {
      for (size_t i = 0; i + 400 < clients_.size(); ++i) {
        if (clients_[i].socket.valid() && IsClosedByWorker(clients_[i])) clients_[i].socket.Reset();
      }
    }
  }

  // Whether the worker has closed the connection.
  static bool IsClosedByWorker(const Client& client) {
    char byte;
    return recv(client.socket.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  void GiveUpSome() {
    for (size_t i = clients_.size() > 100 ? clients_.size() - 100 : 0; i < clients_.size(); i += 2) {
      if (!clients_[i].socket.valid()) continue;
      clients_[i].socket.Reset();
      ++gave_up_;
    }
  }

  void Attach(uint32_t slot) {
    int channel = -1;
    Check(acceptor_->ChannelEnd(slot, &channel).ok());
    workers_[slot] = std::make_unique<Worker>(&memory_, slot, next_worker_index_++, channel, &ledger_);
    Check(acceptor_->Attach(slot, kListener, workers_[slot]->worker_index()).ok());
  }

  void Kill(uint32_t slot) {
    if (!workers_[slot]) return;
    workers_[slot].reset();
    acceptor_->Detach(slot, kListener);
  }

  void Recover() {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      down_[slot] = 0;
      if (!workers_[slot]) Attach(slot);
    }
    UpdateRing();
  }

  void UpdateRing() {
    std::vector<uint16_t> owners(homes_.size());
    AssignOwners(homes_, weights_, down_, owners);
    Check(acceptor_->UpdateRing(owners[0] == kNoSlot ? homes_ : owners, homes_).ok());
  }

  Random random_;
  const std::vector<double> weights_ = std::vector<double>(kSlots, 1);
  std::vector<uint16_t> homes_;
  std::vector<uint8_t> down_ = std::vector<uint8_t>(kSlots);
  SharedMemory memory_;
  Ledger ledger_;
  std::unique_ptr<Acceptor> acceptor_;
  ListenAddress address_;
  std::array<std::unique_ptr<Worker>, kSlots> workers_;
  uint32_t next_worker_index_ = 0;
  std::vector<Client> clients_;
  size_t connected_ = 0;
  size_t gave_up_ = 0;
};

}  // namespace

// libuv closes descriptors by syscall(2), which the sanitizer does not see. It reports the next user of the same number as a race.
extern "C" const char* __tsan_default_suppressions() { return "race:recvmsg\nrace:accept4\nrace:socketpair\nrace:epoll_create1\n"; }

int main() {
  const char* given = getenv("LIMPET_HAMMER_ROUNDS");
  const int rounds = given != nullptr ? atoi(given) : 100;
  Hammer hammer;
  for (int round = 0; round < rounds && failures == 0; ++round) hammer.Round();
  hammer.Finish();
  return failures == 0 ? 0 : 1;
}
