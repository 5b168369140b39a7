// Checks for test programs. A test program returns 0 if no check failed.
#ifndef LIMPET_TEST_NATIVE_CHECK_H_
#define LIMPET_TEST_NATIVE_CHECK_H_

#include <cstdint>
#include <cstdio>

namespace limpet {

inline int failures = 0;

// Prints the file and the line of a check that failed. Clang 14 has no std::source_location.
inline void Check(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  failures++;
  std::fprintf(stderr, "%s:%d: a check failed\n", file, line);
}

// Random numbers that are the same in every run (Marsaglia's xorshift).
class Random {
 public:
  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    return state_ ^= state_ << 5;
  }
  // A number from 0 to `end` - 1.
  uint32_t Below(uint32_t end) { return Next() % end; }

 private:
  uint32_t state_ = 2463534242;
};

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_CHECK_H_
