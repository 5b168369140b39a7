// Finds out whether one client makes most of the connections. Such a client is likely a proxy that hides many clients behind it.
#ifndef LIMPET_HANDOFF_BUSIEST_CLIENT_H_
#define LIMPET_HANDOFF_BUSIEST_CLIENT_H_

#include <cstdint>

#include "ring/client_key.h"

namespace limpet {

// The majority vote of Boyer and Moore (MJRTY, 1981). In constant space it finds the client that makes more than half of the
// connections, if there is one. Not thread-safe.
class BusiestClient {
 public:
  void Saw(const ClientKey& client) {
    ++seen_;
    if (votes_ == 0) {
      candidate_ = client;
      count_ = 0;
    }
    if (client == candidate_) {
      ++votes_;
      ++count_;
    } else {
      --votes_;
    }
  }

  // All connections.
  uint64_t seen() const { return seen_; }
  // The connections that the present candidate has made since it became the candidate.
  uint64_t count() const { return count_; }

 private:
  ClientKey candidate_{};
  uint64_t votes_ = 0;
  uint64_t seen_ = 0;
  uint64_t count_ = 0;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_BUSIEST_CLIENT_H_
