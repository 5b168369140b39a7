// Counters that the primary, its acceptor thread and every worker write side by side and anyone reads without asking.
#ifndef LIMPET_HANDOFF_SHARED_MEMORY_H_
#define LIMPET_HANDOFF_SHARED_MEMORY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "handoff/descriptor.h"
#include "handoff/status.h"
#include "ring/client_key.h"
#include "ring/hash.h"

namespace limpet {

// How long connections took from being placed by the acceptor to reaching a process: the upper bounds of all latency cells but
// the last, which has none.
inline constexpr std::array<uint64_t, 7> kLatencyBoundsUs = {100, 300, 1000, 3000, 10'000, 100'000, 1'000'000};

// The cells of a worker's row: written by that process alone, from C++ and from TypeScript (src/binding/shared-memory.ts has
// the same table).
struct WorkerCell {
  enum : uint32_t {
    kAccepted,    // connections that accept or recvmsg gave to the process
    kClosed,      // of those, closed (TypeScript): accepted - closed is what a SIGKILL now would cut off
    kTaking,      // connections that a system call under way may be about to give: in doubt at a SIGKILL
    kMissteered,  // accepted from the kernel, although the ring would have chosen another slot
    kCredits,     // descriptors that the process has room for
    kStarved,     // times that intake stopped for want of descriptors or memory
    kReturned,    // received, and passed back because the process takes nothing new
    kSteered,     // accepted from a listening socket of the slot's own
    kBusiest,     // of those, by the client that makes the most
    kLatencyUs,   // of what came from the acceptor: the sum of its latencies, in microseconds
    kLatency,     // and how many took how long: the first of kLatencyBoundsUs.size() + 1 cells
    kWorkerCells = kLatency + kLatencyBoundsUs.size() + 1,
  };
};

// The cells of a slot's row: written by the acceptor alone.
struct SlotCell {
  enum : uint32_t {
    kHanded,     // connections put into the slot's channel, less those taken back
    kDiverted,   // of those, at home in another slot
    kQueued,     // connections that wait for the slot
    kQueueFull,  // connections closed because too many waited for the slot
    kHungry,     // 1 while the acceptor waits for the worker to have room: the worker pokes it then
    kAbandoned,  // connections closed because the listener closed before any process had taken them
  };
};

// A page of 8-byte floating-point cells, 24 to a row, and two copies of the ring's homes; shared by descriptor. One process
// alone writes a cell; loads and stores are atomic and, but for kCredits and kHungry, relaxed. Doubles, so that TypeScript
// can count in place: exact up to 2^53.
class SharedMemory {
 public:
  static constexpr uint32_t kCellsPerBlock = 24;
  static_assert(WorkerCell::kWorkerCells <= kCellsPerBlock);
  static constexpr uint32_t kSlots = 256;
  static constexpr uint32_t kWorkers = 767;
  static constexpr uint32_t kBlocks = 1 + kSlots + kWorkers;
  static constexpr uint32_t kBucketsMax = 65536;
  static constexpr size_t kHomesOffset = size_t{kBlocks} * kCellsPerBlock * sizeof(double);
  static constexpr size_t kBytes = kHomesOffset + 2 * kBucketsMax * sizeof(uint16_t);

  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  SharedMemory& operator=(SharedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~SharedMemory();

  // A new page, all zeros, anonymous: it goes with its last descriptor and mapping. `fd` is close-on-exec.
  static Status Create(Descriptor* fd);
  // Maps the page behind `fd`, which may be closed afterwards. EPROTO when another version of limpet laid it out.
  static Status Map(int fd, SharedMemory* memory);

  std::atomic<double>& worker(uint32_t worker_index, uint32_t cell) const { return at(1 + kSlots + worker_index, cell); }
  std::atomic<double>& slot(uint32_t slot, uint32_t cell) const { return at(1 + slot, cell); }

  // Whether the ring, as it is or as it was before its last change, has the client's home in `slot`. True while no ring
  // is on the page.
  bool IsHome(ClientKey client, uint32_t slot) const;
  // Leading bits of an IPv6 address that make the client key.
  int ipv6_prefix() const { return static_cast<int>(at(0, kIpv6Prefix).load(std::memory_order_relaxed)); }

  void* data() const { return data_; }

 private:
  // The first row, but for the layout's version, is written by the primary's TypeScript.
  enum : uint32_t { kLayout, kKey0, kKey1, kBuckets, kIpv6Prefix };

  std::atomic<double>& at(uint32_t block, uint32_t cell) const {
    return static_cast<std::atomic<double>*>(data_)[block * kCellsPerBlock + cell];
  }
  uint32_t word(uint32_t cell) const { return static_cast<uint32_t>(at(0, cell).load(std::memory_order_relaxed)); }

  void* data_ = nullptr;
};

// Adds to a cell that the caller alone writes: no other writer, so no read-modify-write is needed.
inline void Count(std::atomic<double>& cell, double more = 1) {
  cell.store(cell.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace limpet

#endif  // LIMPET_HANDOFF_SHARED_MEMORY_H_
