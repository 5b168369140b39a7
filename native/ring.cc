#include "ring.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace limpet {

namespace {

// Two hashes of (bucket, slot), told apart by their key: which buckets a slot steals, and how it ranks for them.
constexpr HashKey kSteal = {1, 0};
constexpr HashKey kRank = {2, 0};

constexpr double kTwoOverLn2 = 2.8853900817779268;

double DistanceOf(uint32_t bucket, size_t slot, double weight) {
  const uint32_t uniform = HashWords(kRank, bucket, static_cast<uint32_t>(slot)) | 1;
  const int exponent = 31 - std::countl_zero(uniform);
  const double mantissa = static_cast<double>(uniform) / static_cast<double>(1u << exponent);
  const double z = (mantissa - 1) / (mantissa + 1);
  const double zz = z * z;
  const double series = 1 + zz * (1.0 / 3 + zz * (1.0 / 5 + zz * (1.0 / 7 + zz * (1.0 / 9))));
  return (32 - exponent - kTwoOverLn2 * z * series) / weight;
}

// A quota that rounding put beside a whole number is that number.
double QuotaOf(double weight, double all, size_t buckets) {
  const double quota = static_cast<double>(buckets) * weight / all;
  const double whole = std::floor(quota + 0.5);
  return std::fabs(quota - whole) < 1e-9 * quota ? whole : quota;
}

// How many buckets each slot should own, given how many it owns.
std::vector<int32_t> Shares(const std::vector<int32_t>& counts, std::span<const double> weights, size_t buckets,
                            size_t changed) {
  double all = 0;
  for (const double weight : weights) all += weight;
  std::vector<int32_t> targets(weights.size());
  int32_t excess = -static_cast<int32_t>(buckets);
  for (size_t slot = 0; slot < weights.size(); slot++) {
    const double quota = QuotaOf(weights[slot], all, buckets);
    const double held = slot == changed ? static_cast<double>(buckets) : counts[slot];
    targets[slot] = static_cast<int32_t>(std::min(std::max(held, std::floor(quota)), std::ceil(quota)));
    excess += targets[slot];
  }
  const int32_t step = excess > 0 ? 1 : -1;
  for (; excess != 0; excess -= step) {
    size_t best = changed;
    double soonest = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i <= weights.size(); i++) {
      const size_t slot = i == 0 ? changed : i - 1;
      const double over = (targets[slot] - QuotaOf(weights[slot], all, buckets)) * step;
      if (over <= 0) continue;
      const double deadline = (1 - over) / weights[slot];
      if (deadline < soonest) {
        soonest = deadline;
        best = slot;
      }
    }
    targets[best] -= step;
  }
  return targets;
}

size_t Nearest(uint32_t bucket, std::span<const double> weights, const std::vector<size_t>& takers,
               const std::vector<int32_t>& spare) {
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const size_t slot : takers) {
    if (spare[slot] >= 0) continue;
    const double distance = DistanceOf(bucket, slot, weights[slot]);
    if (distance < least) {
      least = distance;
      best = slot;
    }
  }
  return best;
}

uint16_t NearestLive(uint32_t bucket, std::span<const double> weights, std::span<const uint8_t> down) {
  uint16_t best = kNoSlot;
  double least = std::numeric_limits<double>::infinity();
  for (size_t slot = 0; slot < weights.size(); slot++) {
    if (weights[slot] == 0 || down[slot] != 0) continue;
    const double distance = DistanceOf(bucket, slot, weights[slot]);
    if (distance < least) {
      least = distance;
      best = static_cast<uint16_t>(slot);
    }
  }
  return best;
}

}  // namespace

void BuildHomes(std::span<const double> weights, std::span<uint16_t> homes) {
  std::fill(homes.begin(), homes.end(), uint16_t{0});
  for (size_t slot = 1; slot < weights.size(); slot++) ChangeHomes(weights.first(slot + 1), slot, homes);
}

void ChangeHomes(std::span<const double> weights, size_t changed, std::span<uint16_t> homes) {
  std::vector<int32_t> spare(weights.size());
  for (const uint16_t home : homes) spare[home]++;
  const std::vector<int32_t> targets = Shares(spare, weights, homes.size(), changed);
  std::vector<size_t> takers;
  for (size_t slot = 0; slot < weights.size(); slot++) {
    spare[slot] -= targets[slot];
    if (spare[slot] < 0) takers.push_back(slot);
  }
  std::vector<uint64_t> order;
  for (uint32_t bucket = 0; bucket < homes.size(); bucket++) {
    if (spare[homes[bucket]] <= 0) continue;
    order.push_back(uint64_t{HashWords(kSteal, bucket, static_cast<uint32_t>(changed))} << 16 | bucket);
  }
  std::sort(order.begin(), order.end());
  for (const uint64_t entry : order) {
    const uint32_t bucket = entry & 0xffff;
    const uint16_t home = homes[bucket];
    if (spare[home] <= 0) continue;
    const size_t taker = Nearest(bucket, weights, takers, spare);
    spare[home]--;
    spare[taker]++;
    homes[bucket] = static_cast<uint16_t>(taker);
  }
}

void AssignOwners(std::span<const uint16_t> homes, std::span<const double> weights, std::span<const uint8_t> down,
                  std::span<uint16_t> owners) {
  for (uint32_t bucket = 0; bucket < homes.size(); bucket++) {
    const uint16_t home = homes[bucket];
    owners[bucket] = down[home] == 0 ? home : NearestLive(bucket, weights, down);
  }
}

RingView::RingView(HashKey key, std::span<const uint16_t> owners)
    : key_(key), owners_(owners.data()), shift_(32 - std::countr_zero(owners.size())) {}

void RingView::OwnersOfIpv4(std::span<const uint32_t> addresses, uint16_t* out) const {
  for (size_t i = 0; i < addresses.size(); i++) out[i] = OwnerOfKey(KeyOfIpv4(addresses[i]));
}

void RingView::OwnersOfIpv6(std::span<const uint8_t> addresses, int ipv6_prefix, uint16_t* out) const {
  for (size_t at = 0; at < addresses.size(); at += 16) *out++ = OwnerOfKey(KeyOfIpv6(&addresses[at], ipv6_prefix));
}

}  // namespace limpet
