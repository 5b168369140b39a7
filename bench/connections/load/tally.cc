#include "tally.h"

#include <cstdio>
#include <utility>

namespace load {
namespace {

constexpr const char* kNames[] = {"refused", "reset", "closed", "timeout", "malformed", "status"};

/** The points of the distribution, as shares of all operations. */
constexpr double kShares[] = {0.01, 0.05, 0.1,  0.2,   0.3,   0.4,   0.5,    0.6,    0.7,
                              0.8,  0.9,  0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999};

double Microseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; }

}  // namespace

void Tally::Answered(uint32_t client, uint32_t worker, uint64_t nanoseconds) {
  latency_.Add(nanoseconds);
  if (worker == 0) return;
  answers_[worker]++;
  Client& known = clients_[client];
  if (known.first == 0) known.first = worker;
  else if (known.last != worker) known.moves++;
  known.last = worker;
}

void Tally::Failed(uint32_t client, Failure kind) {
  failures_[static_cast<unsigned>(kind)]++;
  failures_of_[clients_[client].last]++;
  failed_++;
}

void Tally::Print(double seconds, double user_cpu_seconds, double system_cpu_seconds) const {
  const double cpu_seconds = user_cpu_seconds + system_cpu_seconds;
  std::printf("{\"answered\":%llu,\"failed\":%llu,\"connections\":%llu,\"seconds\":%.6f,\"perSecond\":%.1f,",
              static_cast<unsigned long long>(latency_.total()), static_cast<unsigned long long>(failed_),
              static_cast<unsigned long long>(connections_), seconds,
              static_cast<double>(latency_.total()) / seconds);
  std::printf("\"cpu\":{\"seconds\":%.4f,\"user\":%.4f,\"system\":%.4f,\"share\":%.4f},", cpu_seconds,
              user_cpu_seconds, system_cpu_seconds, cpu_seconds / seconds);

  const char* comma = "";
  std::printf("\"failures\":{");
  for (unsigned i = 0; i < kFailures; i++) {
    if (failures_[i] == 0) continue;
    std::printf("%s\"%s\":%llu", comma, kNames[i], static_cast<unsigned long long>(failures_[i]));
    comma = ",";
  }
  std::printf("},\"failuresOf\":{");
  comma = "";
  for (const auto& [worker, count] : failures_of_) {
    std::printf("%s\"%u\":%llu", comma, worker, static_cast<unsigned long long>(count));
    comma = ",";
  }
  std::printf("},\"answers\":{");
  comma = "";
  for (const auto& [worker, count] : answers_) {
    std::printf("%s\"%u\":%llu", comma, worker, static_cast<unsigned long long>(count));
    comma = ",";
  }
  // Groups the clients by first and last worker: the number of clients, how many of them moved, and how often in total.
  struct Group {
    uint64_t clients = 0;
    uint64_t moved = 0;
    uint64_t moves = 0;
  };
  std::map<std::pair<uint32_t, uint32_t>, Group> groups;
  uint64_t moves = 0;
  for (const Client& client : clients_) {
    if (client.first == 0) continue;
    Group& group = groups[{client.first, client.last}];
    group.clients++;
    group.moved += client.moves > 0 ? 1 : 0;
    group.moves += client.moves;
    moves += client.moves;
  }
  std::printf("},\"clients\":[");
  comma = "";
  for (const auto& [pair, group] : groups) {
    std::printf("%s{\"first\":%u,\"last\":%u,\"clients\":%llu,\"moved\":%llu,\"moves\":%llu}", comma, pair.first, pair.second,
                static_cast<unsigned long long>(group.clients), static_cast<unsigned long long>(group.moved),
                static_cast<unsigned long long>(group.moves));
    comma = ",";
  }
  std::printf("],\"moved\":%llu,\"latencyUs\":{\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},",
              static_cast<unsigned long long>(moves), latency_.mean() / 1000, Microseconds(latency_.Quantile(0.5)),
              Microseconds(latency_.Quantile(0.99)), Microseconds(latency_.Quantile(0.999)),
              Microseconds(latency_.max()));
  std::printf("\"distribution\":[");
  comma = "";
  for (const double share : kShares) {
    std::printf("%s[%g,%.1f]", comma, share, Microseconds(latency_.Quantile(share)));
    comma = ",";
  }
  std::printf("]}\n");
}

}  // namespace load
