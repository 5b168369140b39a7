#include "ring/ring.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace limpet {

namespace {

// The keys of two hashes of a bucket and a slot. The first decides which buckets a slot takes when it joins. The second gives the
// distance of the slot from the bucket.
constexpr HashKey kTake = {1, 0};
constexpr HashKey kDistance = {2832, 0};

// A quota is a quotient. If its relative distance from a whole number is at most this, it counts as that number.
constexpr double kRounding = 1e-9;

// The cost of a slot that cannot be chosen.
constexpr double kNever = std::numeric_limits<double>::infinity();

constexpr double kTwoOverLn2 = 2.8853900817779268;

// The buckets whose home each slot is.
using Held = std::vector<std::vector<uint16_t>>;

Held BucketsOf(std::span<const uint16_t> homes, size_t slots) {
  Held held(slots);
  for (size_t bucket = 0; bucket < homes.size(); bucket++) held[homes[bucket]].push_back(static_cast<uint16_t>(bucket));
  return held;
}

double Sum(std::span<const double> weights) { return std::accumulate(weights.begin(), weights.end(), 0.0); }

// The distance of `slot` from `bucket`: an exponentially distributed number, -log2 of a uniform one, divided by the weight.
double DistanceOf(uint32_t bucket, size_t slot, double weight) {
  const uint32_t uniform = HashWords(kDistance, bucket, static_cast<uint32_t>(slot)) | 1;
  const int exponent = 31 - std::countl_zero(uniform);
  const double mantissa = uniform / static_cast<double>(1u << exponent);
  const double z = (mantissa - 1) / (mantissa + 1);
  const double zz = z * z;
  const double series = 1 + zz * (1.0 / 3 + zz * (1.0 / 5 + zz * (1.0 / 7 + zz * (1.0 / 9))));
  return (32 - exponent - kTwoOverLn2 * z * series) / weight;
}

// The slot with the least cost. Among equals `first` wins, then the lowest number. `first` if every cost is infinite.
template <typename Cost>
size_t Least(std::span<const double> weights, Cost cost, size_t first = kNoSlot) {
  size_t best = first;
  double lowest = first == kNoSlot ? kNever : cost(first, weights[first]);
  for (size_t slot = 0; slot < weights.size(); slot++) {
    const double slot_cost = weights[slot] == 0 ? kNever : cost(slot, weights[slot]);
    if (slot_cost < lowest) {
      lowest = slot_cost;
      best = slot;
    }
  }
  return best;
}

// Moves `count` buckets from the slot `from` to `slot`: those with the lowest hashes for `slot`.
void MoveBuckets(Held& held, size_t from, size_t count, size_t slot) {
  if (count == 0) return;
  std::vector<uint64_t> order;
  for (const uint16_t bucket : held[from]) {
    order.push_back(uint64_t{HashWords(kTake, bucket, static_cast<uint32_t>(slot))} << 16 | bucket);
  }
  std::nth_element(order.begin(), order.begin() + (count - 1), order.end());
  held[from].clear();
  for (size_t i = 0; i < order.size(); i++) held[i < count ? slot : from].push_back(order[i] & 0xffff);
}

void Join(std::span<const double> weights, size_t slot, Held& held, std::span<uint16_t> homes) {
  const double quota = static_cast<double>(homes.size()) / Sum(weights);
  const double bar = quota * (1 + kRounding);
  std::vector<int32_t> counts(held.size());
  for (size_t i = 0; i < held.size(); i++) counts[i] = static_cast<int32_t>(held[i].size());
  const auto asked = static_cast<int32_t>(std::ceil(quota * weights[slot] * (1 - kRounding)));
  counts[slot] = asked;
  for (int32_t left = asked; left > 0; left--) {
    const auto cost = [&](size_t i, double weight) {
      return counts[i] > bar * weight ? (1 - counts[i]) / weight : kNever;
    };
    counts[Least(weights, cost, slot)]--;
  }
  for (size_t i = 0; i < held.size(); i++) {
    if (i != slot) MoveBuckets(held, i, held[i].size() - static_cast<size_t>(counts[i]), slot);
  }
  for (const uint16_t bucket : held[slot]) homes[bucket] = static_cast<uint16_t>(slot);
}

}  // namespace

void BuildHomes(std::span<const double> weights, std::span<uint16_t> homes) {
  std::fill(homes.begin(), homes.end(), uint16_t{0});
  Held held = BucketsOf(homes, 1);
  for (size_t slot = 1; slot < weights.size(); slot++) {
    held.emplace_back();
    Join(weights.first(slot + 1), slot, held, homes);
  }
}

void JoinHomes(std::span<const double> weights, size_t slot, std::span<uint16_t> homes) {
  Held held = BucketsOf(homes, weights.size());
  Join(weights, slot, held, homes);
}

void LeaveHomes(std::span<const double> weights, size_t slot, std::span<uint16_t> homes) {
  const Held held = BucketsOf(homes, weights.size());
  const double bar = static_cast<double>(homes.size()) * (1 - kRounding) / Sum(weights);
  std::vector<int32_t> counts(held.size());
  std::vector<int32_t> wants(held.size());
  for (size_t i = 0; i < held.size(); i++) counts[i] = static_cast<int32_t>(held[i].size());
  for (size_t left = held[slot].size(); left > 0; left--) {
    const size_t taker = Least(weights, [&](size_t i, double weight) {
      return counts[i] < bar * weight ? (counts[i] + 1) / weight : kNever;
    });
    counts[taker]++;
    wants[taker]++;
  }
  for (const uint16_t bucket : held[slot]) {
    const size_t taker = Least(weights, [&](size_t i, double weight) {
      return wants[i] > 0 ? DistanceOf(bucket, i, weight) : kNever;
    });
    wants[taker]--;
    homes[bucket] = static_cast<uint16_t>(taker);
  }
}

void AssignOwners(std::span<const uint16_t> homes, std::span<const double> weights, std::span<const uint8_t> down,
                  std::span<uint16_t> owners) {
  for (uint32_t bucket = 0; bucket < homes.size(); bucket++) {
    owners[bucket] = OwnerOfBucket(bucket, homes[bucket], weights, down);
  }
}

uint16_t OwnerOfBucket(uint32_t bucket, uint16_t home, std::span<const double> weights, std::span<const uint8_t> down) {
  if (down[home] == 0) return home;
  const size_t nearest = Least(weights, [&](size_t i, double weight) {
    return down[i] == 0 ? DistanceOf(bucket, i, weight) : kNever;
  });
  return static_cast<uint16_t>(nearest);
}

RingView::RingView(HashKey key, std::span<const uint16_t> owners)
    : key_(key), owners_(owners.data()), shift_(32 - std::countr_zero(owners.size())) {}

void RingView::OwnersOfIpv4(std::span<const uint32_t> addresses, uint16_t* out) const {
  OwnersOf(addresses.size(), out, [&](size_t i) { return KeyOfIpv4(addresses[i]); });
}

void RingView::OwnersOfIpv6(std::span<const uint8_t> addresses, int ipv6_prefix, uint16_t* out) const {
  OwnersOf(addresses.size() / 16, out, [&](size_t i) { return KeyOfIpv6(&addresses[i * 16], ipv6_prefix); });
}

template <typename KeyAt>
void RingView::OwnersOf(size_t count, uint16_t* out, KeyAt key_at) const {
  uint32_t w0[kHashBlock] = {};
  uint32_t w1[kHashBlock] = {};
  uint32_t hashes[kHashBlock];
  for (size_t at = 0; at < count; at += kHashBlock) {
    const size_t size = std::min(kHashBlock, count - at);
    for (size_t i = 0; i < size; i++) {
      const ClientKey key = key_at(at + i);
      w0[i] = key.w0;
      w1[i] = key.w1;
    }
    HashBlock(key_, w0, w1, hashes);
    for (size_t i = 0; i < size; i++) out[at + i] = OwnerOfHash(hashes[i]);
  }
}

}  // namespace limpet
