// Runs steering programs without a kernel.
#ifndef LIMPET_TEST_NATIVE_HANDOFF_PRIMARY_BPF_INTERPRETER_H_
#define LIMPET_TEST_NATIVE_HANDOFF_PRIMARY_BPF_INTERPRETER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "handoff/primary/steering_program.h"

namespace limpet {

// Runs a classic-BPF program on the network header of a packet, as the kernel would. -1 when the program does what
// the kernel's checker forbids or would read past the header.
int64_t RunBpf(const std::vector<BpfInstruction>& program, const uint8_t* network_header, size_t length);

// The headers that the program sees: version and source address set, nothing else.
struct Packet {
  uint8_t bytes[40] = {};
  size_t length = 0;
  static Packet Ipv4(uint32_t source_host_order);
  static Packet Ipv6(const uint8_t source[16]);
};

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_HANDOFF_PRIMARY_BPF_INTERPRETER_H_
