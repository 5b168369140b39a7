// A histogram of durations with an error of at most 1.6 %, in constant memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace load {

/** 64 steps for each power of two, from 1 ns to 2^40 ns (18 minutes). */
class Histogram {
 public:
  static constexpr unsigned kSteps = 64;
  static constexpr unsigned kOctaves = 41;

  void Add(uint64_t nanoseconds) {
    counts_[Index(nanoseconds)]++;
    total_++;
    sum_ += nanoseconds;
    if (nanoseconds > max_) max_ = nanoseconds;
  }

  /** The duration that the share `share` (0 to 1) of all durations does not exceed; 0 if there are none. */
  uint64_t Quantile(double share) const {
    if (total_ == 0) return 0;
    const auto rank = static_cast<uint64_t>(share * static_cast<double>(total_ - 1)) + 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < counts_.size(); i++) {
      seen += counts_[i];
      if (seen >= rank) return Upper(i) < max_ ? Upper(i) : max_;
    }
    return max_;
  }

  uint64_t total() const { return total_; }
  uint64_t max() const { return max_; }
  double mean() const { return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_); }

 private:
  static unsigned Index(uint64_t value) {
    if (value < kSteps) return static_cast<unsigned>(value);
    const auto octave = static_cast<unsigned>(std::bit_width(value)) - 1;
    if (octave >= kOctaves) return kSteps * kOctaves - 1;
    const unsigned shift = octave - std::bit_width(kSteps) + 1;
    return kSteps * (shift + 1) + static_cast<unsigned>((value >> shift) - kSteps);
  }

  static uint64_t Upper(unsigned index) {
    if (index < kSteps) return index;
    const unsigned shift = index / kSteps - 1;
    return ((static_cast<uint64_t>(index % kSteps) + kSteps + 1) << shift) - 1;
  }

  std::array<uint64_t, kSteps * kOctaves> counts_{};
  uint64_t total_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace load
