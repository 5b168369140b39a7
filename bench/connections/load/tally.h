// Counts the results of the operations: times, failures by kind, and the worker of each client.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "histogram.h"

namespace load {

enum class Failure { kRefused, kReset, kClosed, kTimeout, kMalformed, kStatus, kCount };

class Tally {
 public:
  explicit Tally(uint32_t clients) : clients_(clients) {}

  void Answered(uint32_t client, uint32_t worker, uint64_t nanoseconds);
  void Failed(uint32_t client, Failure kind);
  void Opened() { connections_++; }

  uint64_t ended() const { return latency_.total() + failed_; }

  /** Prints one JSON object to stdout. `seconds` is the time from the first start to the last end. */
  void Print(double seconds, double user_cpu_seconds, double system_cpu_seconds) const;

 private:
  static constexpr auto kFailures = static_cast<unsigned>(Failure::kCount);

  /** The first and the last worker (process id) that answered a client, and how often the worker changed. */
  struct Client {
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t moves = 0;
  };

  std::vector<Client> clients_;
  std::map<uint32_t, uint64_t> answers_;
  /** Failures by the worker that last answered the client; worker 0 if none has answered it. */
  std::map<uint32_t, uint64_t> failures_of_;
  uint64_t failures_[kFailures] = {};
  uint64_t failed_ = 0;
  uint64_t connections_ = 0;
  Histogram latency_;
};

}  // namespace load
