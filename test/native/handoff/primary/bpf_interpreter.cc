#include "handoff/primary/bpf_interpreter.h"

#include <cstring>

namespace limpet {

int64_t RunBpf(const std::vector<BpfInstruction>& program, const uint8_t* header, size_t length) {
  uint32_t a = 0, x = 0, scratch[16] = {};
  for (size_t pc = 0; pc < program.size(); ++pc) {
    const BpfInstruction& i = program[pc];
    const uint32_t offset = i.k - static_cast<uint32_t>(-0x100000);
    switch (i.code) {
      case 0x20:
        if (offset + 4 > length) return -1;
        a = uint32_t{header[offset]} << 24 | uint32_t{header[offset + 1]} << 16 | uint32_t{header[offset + 2]} << 8 |
            header[offset + 3];
        break;
      case 0x30:
        if (offset + 1 > length) return -1;
        a = header[offset];
        break;
      case 0x00: a = i.k; break;
      case 0x60: a = scratch[i.k]; break;
      case 0x61: x = scratch[i.k]; break;
      case 0x02: scratch[i.k] = a; break;
      case 0x0c: a += x; break;
      case 0x4c: a |= x; break;
      case 0xac: a ^= x; break;
      case 0xa4: a ^= i.k; break;
      case 0x54: a &= i.k; break;
      case 0x64:
        if (i.k > 31) return -1;
        a <<= i.k;
        break;
      case 0x74:
        if (i.k > 31) return -1;
        a >>= i.k;
        break;
      case 0x7c:
        if (x > 31) return -1;
        a >>= x;
        break;
      case 0x07: x = a; break;
      case 0x05: pc += i.k; break;
      case 0x15: pc += a == i.k ? i.jump_true : i.jump_false; break;
      case 0x35: pc += a >= i.k ? i.jump_true : i.jump_false; break;
      case 0x16: return a;
      case 0x06: return i.k;
      default: return -1;
    }
  }
  return -1;
}

Packet Packet::Ipv4(uint32_t source) {
  Packet packet;
  packet.length = 20;
  packet.bytes[0] = 0x45;
  for (int i = 0; i < 4; ++i) packet.bytes[12 + i] = static_cast<uint8_t>(source >> (24 - 8 * i));
  return packet;
}

Packet Packet::Ipv6(const uint8_t source[16]) {
  Packet packet;
  packet.length = 40;
  packet.bytes[0] = 0x60;
  memcpy(packet.bytes + 8, source, 16);
  return packet;
}

}  // namespace limpet
