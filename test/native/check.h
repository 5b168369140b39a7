// A test is a program: it checks, and returns 0 when none failed.
#ifndef LIMPET_TEST_NATIVE_CHECK_H_
#define LIMPET_TEST_NATIVE_CHECK_H_

#include <cstdint>
#include <cstdio>

namespace limpet {

inline int failures = 0;

// The file and the line are the caller's (std::source_location, which Clang 14 lacks, would say the same).
inline void Check(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  failures++;
  std::fprintf(stderr, "%s:%d: a check failed\n", file, line);
}

// The same numbers in every run (Marsaglia's xorshift).
class Random {
 public:
  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    return state_ ^= state_ << 5;
  }
  // 0 to `end` - 1.
  uint32_t Below(uint32_t end) { return Next() % end; }

 private:
  uint32_t state_ = 2463534242;
};

}  // namespace limpet

#endif  // LIMPET_TEST_NATIVE_CHECK_H_
