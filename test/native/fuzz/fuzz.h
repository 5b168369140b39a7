// Shared by the fuzz targets: the check of a property, and the keys with which the corpus was made.
#ifndef LIMPET_TEST_NATIVE_FUZZ_FUZZ_H_
#define LIMPET_TEST_NATIVE_FUZZ_FUZZ_H_

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ring/siphash.h"

namespace limpet {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view Input(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The bytes 0 to 15 and 240 to 255, as in test/affinity/heads.ts.
inline constexpr SipKey kCookieKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
inline constexpr SipKey kSidKey = {0xf7f6f5f4f3f2f1f0, 0xfffefdfcfbfaf9f8};
inline constexpr uint32_t kHourNow = 490000;

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_FUZZ_FUZZ_H_
