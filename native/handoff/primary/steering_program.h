#ifndef LIMPET_HANDOFF_PRIMARY_STEERING_PROGRAM_H_
#define LIMPET_HANDOFF_PRIMARY_STEERING_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace limpet {

// One instruction of classic BPF, with the layout of `struct sock_filter`.
struct BpfInstruction {
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t k;
};

// The ring, as the steering program needs it.
struct SteeringTable {
  uint32_t key[2];        // The ring's hash key, least significant word first.
  uint32_t ipv6_prefix;   // How many leading bits of an IPv6 address make the client key: 32, 48, 56 or 64.
  const uint16_t* homes;  // The home slot of each bucket. Every slot is below 256.
  uint32_t buckets;       // A power of two, 64 to 65,536.
};

// The most instructions that the kernel accepts (BPF_MAXINSNS).
inline constexpr size_t kSteeringInstructionsMax = 4096;

// Compiles the ring to a program for SO_ATTACH_REUSEPORT_CBPF: source address → client key → HalfSipHash-1-3 → bucket → home slot.
// The slot is the index of the socket in its reuseport group. It is the same slot as RingView finds, for IPv4, IPv6 and IPv4-mapped
// IPv6 addresses.
//
// The table becomes a decision tree over the bucket number. Each leaf has as many slots as fit into a 32-bit word. 1,024 buckets take at
// most 1,300 instructions for up to 256 slots. The kernel's form of such a program stays below 20,480 bytes, the smallest
// `net.core.optmem_max` in use. The program is empty if it would have more than kSteeringInstructionsMax instructions, or if a home is
// 256 or more.
std::vector<BpfInstruction> CompileSteering(const SteeringTable& table);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_STEERING_PROGRAM_H_
