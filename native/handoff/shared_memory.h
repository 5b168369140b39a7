// Shared memory with counters (Apache: scoreboard). The primary, its acceptor thread and every worker write their own counters. Every
// process can read all of them without a message.
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

// The upper bounds of the latency cells, in microseconds. The last cell has no bound. A connection's latency is the time from the
// acceptor's choice of a slot until a worker process has received it.
inline constexpr std::array<uint64_t, 7> kLatencyBoundsUs = {100, 300, 1000, 3000, 10'000, 100'000, 1'000'000};

// The cells of a worker process, which only that process writes, from C++ and from TypeScript. src/binding/shared-memory.ts has the
// same table.
struct WorkerCell {
  enum : uint32_t {
    kAccepted,    // Connections that the process got from accept or recvmsg.
    kClosed,      // How many of them are closed (written by TypeScript too). A SIGKILL cuts off accepted - closed connections.
    kTaking,      // Connections that a system call may be returning right now. After a SIGKILL nobody knows whether it did.
    kMissteered,  // Connections accepted from the slot's own listening socket although the ring says another slot.
    kCredits,     // How many connections may wait in the slot's channel: the process has descriptors for them.
    kStarved,     // How often the process stopped taking connections because it was out of descriptors or memory.
    kReturned,    // Connections received from the acceptor and returned, because the process does not expect their listener.
    kSteered,     // Connections accepted from the slot's own listening socket.
    kBusiest,     // How many of them the busiest client has made.
    kLatencyUs,   // The sum of the latencies of all connections from the acceptor, in microseconds.
    kLatency,     // How many connections had which latency: the first of kLatencyBoundsUs.size() + 1 cells.
    kWorkerCells = kLatency + kLatencyBoundsUs.size() + 1,
  };
};

// The cells of a slot, which only the acceptor writes.
struct SlotCell {
  enum : uint32_t {
    kHanded,     // Connections put into the slot's channel, minus those taken back.
    kDiverted,   // How many of them have their home in another slot.
    kQueued,     // Connections that wait for the slot in the acceptor.
    kQueueFull,  // Connections closed because too many waited for the slot.
    kHungry,     // 1 while connections wait and the worker has no credits: it must poke the channel when it has some.
    kAbandoned,  // Connections closed because their listener closed before a process took them.
  };
};

// Blocks of 24 cells: one for the ring, one for each slot, one for each worker. A cell is a double of 8 bytes, so that TypeScript can
// count in place. Counts are exact up to 2^53. Behind the blocks are two copies of the ring's homes. Processes share the memory by its
// descriptor. Only one process writes a cell. Loads and stores are atomic, and relaxed except for kCredits and kHungry.
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

  // Creates anonymous memory, all zeros except for the layout's version. The system frees it with its last descriptor and mapping. `fd`
  // is close-on-exec.
  static Status Create(Descriptor* fd);
  // Maps the memory of `fd`, which may be closed afterwards. EPROTO if it has the layout of another version of limpet.
  static Status Map(int fd, SharedMemory* memory);

  std::atomic<double>& worker(uint32_t worker_index, uint32_t cell) const { return at(1 + kSlots + worker_index, cell); }
  std::atomic<double>& slot(uint32_t slot, uint32_t cell) const { return at(1 + slot, cell); }

  // Whether `slot` is the client's home in the present ring or in the ring before its last change. True until a ring was published.
  bool IsHome(ClientKey client, uint32_t slot) const;
  // How many leading bits of an IPv6 address make the client key.
  int ipv6_prefix() const { return static_cast<int>(at(0, kIpv6Prefix).load(std::memory_order_relaxed)); }

  void* data() const { return data_; }

 private:
  // The cells of the first block. The primary's TypeScript writes all of them but the layout's version.
  enum : uint32_t { kLayout, kKey0, kKey1, kBuckets, kIpv6Prefix };

  std::atomic<double>& at(uint32_t block, uint32_t cell) const {
    return static_cast<std::atomic<double>*>(data_)[block * kCellsPerBlock + cell];
  }
  uint32_t word(uint32_t cell) const { return static_cast<uint32_t>(at(0, cell).load(std::memory_order_relaxed)); }

  void* data_ = nullptr;
};

// Adds to a cell that only the caller writes. With one writer no atomic read-modify-write is needed.
inline void Count(std::atomic<double>& cell, double more = 1) {
  cell.store(cell.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace limpet

#endif  // LIMPET_HANDOFF_SHARED_MEMORY_H_
