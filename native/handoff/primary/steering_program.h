#ifndef LIMPET_HANDOFF_PRIMARY_STEERING_PROGRAM_H_
#define LIMPET_HANDOFF_PRIMARY_STEERING_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace limpet {

// One classic-BPF instruction, laid out as `struct sock_filter` is.
struct BpfInstruction {
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t k;
};

// What the kernel must know to find a client's home by itself.
struct SteeringTable {
  uint32_t key[2];        // The ring's hash key, least significant word first.
  uint32_t ipv6_prefix;   // 32, 48, 56 or 64: leading bits of an IPv6 address that make the client key.
  const uint16_t* homes;  // Home slot of each bucket; every slot under 256.
  uint32_t buckets;       // A power of two, 64 to 65,536.
};

// The most instructions that the kernel takes (BPF_MAXINSNS).
inline constexpr size_t kSteeringInstructionsMax = 4096;

// Compiles the ring to a program for SO_ATTACH_REUSEPORT_CBPF: source address → client key → HalfSipHash-1-3 → bucket →
// home slot, which is the index of the socket in its reuseport group. The same slot as Ring::Home for IPv4, IPv6 and
// IPv4-mapped IPv6 sources.
//
// The table is a decision tree over the bucket number whose leaves hold as many slots as fit into a 32-bit word: 1,024
// buckets take at most 1,300 instructions for any number of slots to 256, and the kernel's own form of that stays under
// 20,480 bytes, the smallest `net.core.optmem_max` in use. Returns an empty program when it would pass
// kSteeringInstructionsMax or a home is 256 or more.
std::vector<BpfInstruction> CompileSteering(const SteeringTable& table);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_STEERING_PROGRAM_H_
