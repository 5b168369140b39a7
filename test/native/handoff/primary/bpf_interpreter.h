// Runs steering programs without a kernel.
#ifndef LIMPET_TEST_NATIVE_HANDOFF_PRIMARY_BPF_INTERPRETER_H_
#define LIMPET_TEST_NATIVE_HANDOFF_PRIMARY_BPF_INTERPRETER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "handoff/primary/steering_program.h"

namespace limpet {

// Runs a program of classic BPF on the network header of a packet, like the kernel. The result is -1 if the program does something
// that the kernel's checker forbids, or reads beyond the header.
int64_t RunBpf(const std::vector<BpfInstruction>& program, const uint8_t* network_header, size_t length);

// A network header for the program. Only the version and the source address are set.
struct Packet {
  uint8_t bytes[40] = {};
  size_t length = 0;
  static Packet Ipv4(uint32_t source_host_order);
  static Packet Ipv6(const uint8_t source[16]);
};

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_HANDOFF_PRIMARY_BPF_INTERPRETER_H_
