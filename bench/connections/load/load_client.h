// Many clients in one thread: opens connections, sends requests, reads responses, resets connections and counts.
#pragma once

#include <time.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "answer.h"
#include "options.h"
#include "tally.h"

namespace load {

/**
 * Closed loop (rate 0): `width` operations are always in flight. The next one starts when one ends, and its time counts from its start.
 * Open loop: operation i is due at i / rate. Its time counts from then, even if it is started later. So a server that stops for a
 * second slows down every operation of that second, not only those in flight.
 */
class LoadClient {
 public:
  explicit LoadClient(const Options& options);

  /** Runs until the load ends. False if the client failed (descriptors, addresses); the reason is on stderr. */
  bool Run();
  void Print() const;

 private:
  enum class Phase { kClosed, kConnecting, kUpgrading, kAsking, kIdle, kHeld };

  struct Connection {
    int fd = -1;
    uint32_t generation = 0;
    uint32_t client = 0;
    Phase phase = Phase::kClosed;
    uint64_t operation = 0;
    uint64_t begun = 0;
    uint64_t asked = 0;
    /** The request: the part of its head and of its body that is not sent yet. */
    std::string head;
    size_t head_sent = 0;
    uint64_t body_left = 0;
    /** The part of the response that was received so far. */
    std::string partial;
  };

  uint64_t Due(uint64_t operation, uint64_t now) const;
  bool MayStart(uint64_t now) const;
  timespec WaitFor(uint64_t now) const;
  void StartDue(uint64_t now);
  void Open(Connection* connection);
  void Ask(Connection* connection);
  void Send(Connection* connection);
  void Handle(Connection* connection, uint32_t events);
  bool Read(Connection* connection, bool ending);
  void Take(Connection* connection, const Answer& answer);
  void Fail(Connection* connection, Failure kind);
  void FailFromSocket(Connection* connection);
  void FailOverdue(uint64_t now);
  void Close(Connection* connection);
  void HoldUntilStdinEnds();

  const Options options_;
  Tally tally_;
  int epoll_ = -1;
  bool broken_ = false;
  std::vector<Connection> connections_;
  std::vector<uint32_t> free_;
  std::deque<uint32_t> idle_;
  /** Client → the cookie pair or the sid that it sends. */
  std::vector<std::string> remembered_;
  uint64_t opened_ = 0;
  uint64_t started_ = 0;
  uint64_t in_flight_ = 0;
  uint64_t began_ = 0;
  uint64_t ended_ = 0;
};

}  // namespace load
