#ifndef LIMPET_HEAD_ENGINE_IO_SID_H_
#define LIMPET_HEAD_ENGINE_IO_SID_H_

#include <cstdint>
#include <string_view>

#include "ring/siphash.h"

namespace limpet {

// The worker process that has an Engine.IO session.
struct SidPlace {
  uint8_t slot = 0;
  // The number of the process in its slot, modulo 256. An old process keeps its sessions while it drains.
  uint8_t generation = 0;
};

// Reads a session id that a limpet worker made: 20 characters of base64url, which encode 15 bytes. These are 8 random bytes, the slot,
// the generation, and a tag of 5 bytes. The tag is the low 40 bits of SipHash-2-4 of the 10 bytes before it, little-endian. False for
// any other text.
bool ReadEngineIoSid(std::string_view sid, const SipKey& key, SidPlace& place);

}  // namespace limpet

#endif  // LIMPET_HEAD_ENGINE_IO_SID_H_
