// The guarantees of the ring, for rings of every size. src/binding/typescript/ring.ts states them. test/ring/ tests them in depth.
#include "ring/ring.h"

#include <cmath>
#include <vector>

#include "check.h"

using namespace limpet;

namespace {

constexpr size_t kBuckets = 1024;

std::vector<double> Weights(Random& random, size_t slots, bool equal) {
  std::vector<double> weights(slots, 1);
  if (!equal) {
    for (double& weight : weights) weight = (1 + random.Below(1000)) / 100.0;
  }
  return weights;
}

bool Balanced(const std::vector<uint16_t>& homes, std::span<const double> weights) {
  double all = 0;
  for (const double weight : weights) all += weight;
  std::vector<int> counts(weights.size());
  for (const uint16_t home : homes) counts[home]++;
  for (size_t slot = 0; slot < weights.size(); slot++) {
    if (std::fabs(counts[slot] - kBuckets * weights[slot] / all) > 1) return false;
  }
  return true;
}

void StaysBalancedAsSlotsJoin(bool equal) {
  Random random;
  const std::vector<double> weights = Weights(random, 256, equal);
  std::vector<uint16_t> homes(kBuckets);
  std::vector<uint16_t> fresh(kBuckets);
  for (size_t slot = 1; slot < weights.size(); slot++) {
    const std::vector<uint16_t> before = homes;
    const auto joined = std::span(weights).first(slot + 1);
    JoinHomes(joined, slot, homes);
    Check(Balanced(homes, joined));
    for (size_t i = 0; i < kBuckets; i++) Check(homes[i] == before[i] || homes[i] == slot);
    if (slot % 32 != 0) continue;
    BuildHomes(joined, fresh);
    Check(homes == fresh);
  }
}

void MovesOnlyTheBucketsOfASlotThatLeaves() {
  Random random;
  std::vector<double> weights = Weights(random, 32, true);
  std::vector<uint16_t> homes(kBuckets);
  BuildHomes(weights, homes);
  for (size_t left = 31; left > 0; left--) {
    const std::vector<uint16_t> before = homes;
    size_t slot = random.Below(32);
    while (weights[slot] == 0) slot = (slot + 1) % 32;
    weights[slot] = 0;
    LeaveHomes(weights, slot, homes);
    Check(Balanced(homes, weights));
    for (size_t i = 0; i < kBuckets; i++) Check(before[i] == slot ? homes[i] != slot : homes[i] == before[i]);
  }
}

void GivesTheBucketsOfDownSlotsToOthers() {
  Random random;
  const std::vector<double> weights = Weights(random, 16, false);
  std::vector<uint16_t> homes(kBuckets);
  BuildHomes(weights, homes);
  std::vector<uint8_t> down(16);
  std::vector<uint16_t> owners(kBuckets);
  for (int round = 0; round < 100; round++) {
    for (uint8_t& slot : down) slot = random.Below(2);
    bool any = false;
    for (const uint8_t slot : down) any |= slot == 0;
    AssignOwners(homes, weights, down, owners);
    for (size_t i = 0; i < kBuckets; i++) {
      if (down[homes[i]] == 0) Check(owners[i] == homes[i]);
      else Check(any ? down[owners[i]] == 0 : owners[i] == kNoSlot);
    }
  }
}

void LooksUpManyLikeOne() {
  Random random;
  std::vector<uint16_t> owners(kBuckets);
  BuildHomes(Weights(random, 8, true), owners);
  const HashKey key = {random.Next(), random.Next()};
  const RingView ring(key, owners);
  for (const size_t count : {0, 1, 63, 64, 65, 1000}) {
    std::vector<uint32_t> quads(count);
    std::vector<uint8_t> bytes(count * 16);
    std::vector<uint16_t> found(count);
    for (uint32_t& quad : quads) quad = random.Next();
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(3) * 0x7f);
    ring.OwnersOfIpv4(quads, found.data());
    for (size_t i = 0; i < count; i++) Check(found[i] == ring.OwnerOfKey(KeyOfIpv4(quads[i])));
    ring.OwnersOfIpv6(bytes, 56, found.data());
    for (size_t i = 0; i < count; i++) Check(found[i] == ring.OwnerOfKey(KeyOfIpv6(&bytes[i * 16], 56)));
  }
}

}  // namespace

int main() {
  StaysBalancedAsSlotsJoin(true);
  StaysBalancedAsSlotsJoin(false);
  MovesOnlyTheBucketsOfASlotThatLeaves();
  GivesTheBucketsOfDownSlotsToOthers();
  LooksUpManyLikeOne();
  return failures == 0 ? 0 : 1;
}
