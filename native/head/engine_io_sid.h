#ifndef LIMPET_HEAD_ENGINE_IO_SID_H_
#define LIMPET_HEAD_ENGINE_IO_SID_H_

#include <cstdint>
#include <string_view>

#include "ring/siphash.h"

namespace limpet {

// The worker process that an Engine.IO session lives in.
struct SidPlace {
  uint8_t slot = 0;
  // Which of the slot's processes, counted modulo 256: an old one keeps its sessions while it drains.
  uint8_t generation = 0;
};

// Reads a session id that a limpet worker made: 20 characters of base64url, 15 bytes: 8 at random, slot,
// generation, and 5 of tag, the low 40 bits of SipHash-2-4 of the 10 before them, little-endian. False when it is anything else.
bool ReadEngineIoSid(std::string_view sid, const SipKey& key, SidPlace& place);

}  // namespace limpet

#endif  // LIMPET_HEAD_ENGINE_IO_SID_H_
