// The steering program finds the same slot as the ring, for a million addresses of both families, many numbers of slots and weights.
#include "handoff/primary/steering_program.h"

#include <algorithm>
#include <vector>

#include "check.h"
#include "handoff/primary/bpf_interpreter.h"
#include "ring/ring.h"

using namespace limpet;

namespace {

constexpr HashKey kKey{0x6b657931, 0x6b657932};

std::vector<uint16_t> Homes(Random& random, uint32_t slots, uint32_t buckets, bool weighted) {
  std::vector<double> weights(slots, 1);
  if (weighted) {
    for (double& weight : weights) weight = 0.1 + random.Below(100);
  }
  std::vector<uint16_t> homes(buckets);
  BuildHomes(weights, homes);
  return homes;
}

std::vector<BpfInstruction> Compile(const std::vector<uint16_t>& homes, uint32_t prefix) {
  return CompileSteering({{kKey.k0, kKey.k1}, prefix, homes.data(), static_cast<uint32_t>(homes.size())});
}

// One third of the addresses is IPv4, one IPv6, one IPv4-mapped IPv6.
void AgreesWithTheRing(Random& random, const std::vector<uint16_t>& homes, int prefix, int addresses) {
  const RingView ring(kKey, homes);
  const std::vector<BpfInstruction> program = Compile(homes, static_cast<uint32_t>(prefix));
  Check(!program.empty());
  for (int i = 0; i < addresses; i += 3) {
    const uint32_t ipv4 = random.Next();
    const Packet packet = Packet::Ipv4(ipv4);
    Check(RunBpf(program, packet.bytes, packet.length) == ring.OwnerOfKey(KeyOfIpv4(ipv4)));

    uint8_t ipv6[16];
    for (uint8_t& byte : ipv6) byte = static_cast<uint8_t>(random.Next() >> 8);
    // A quarter of the addresses begins with zeros, so that they look almost IPv4-mapped.
    if (random.Below(4) == 0) std::fill_n(ipv6, 4 + random.Below(9), uint8_t{0});
    const Packet packet6 = Packet::Ipv6(ipv6);
    Check(RunBpf(program, packet6.bytes, packet6.length) == ring.OwnerOfKey(KeyOfIpv6(ipv6, prefix)));

    uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    for (int byte = 0; byte < 4; ++byte) mapped[12 + byte] = static_cast<uint8_t>(ipv4 >> (24 - 8 * byte));
    const Packet packet_mapped = Packet::Ipv6(mapped);
    Check(RunBpf(program, packet_mapped.bytes, packet_mapped.length) == ring.OwnerOfKey(KeyOfIpv4(ipv4)));
  }
}

// The checks of the kernel (bpf_check_classic): all jumps go forward and stay inside, and the last instruction returns.
void IsWellFormed(const std::vector<BpfInstruction>& program) {
  for (size_t pc = 0; pc < program.size(); ++pc) {
    const BpfInstruction& instruction = program[pc];
    const size_t left = program.size() - pc - 1;
    if (instruction.code == 0x05) Check(instruction.k < left);
    if (instruction.code == 0x15 || instruction.code == 0x35) {
      Check(instruction.jump_true < left && instruction.jump_false < left);
    }
  }
  Check((program.back().code & 0x07) == 0x06);
}

void AMillionAddressesFindTheSlotOfTheRing() {
  Random random;
  constexpr uint32_t kSlots[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 64, 100, 128, 200, 255, 256};
  constexpr int kPrefixes[] = {32, 48, 56, 64};
  constexpr int kRings = 17 * 2 * 4;
  for (const uint32_t slots : kSlots) {
    for (const bool weighted : {false, true}) {
      for (const int prefix : kPrefixes) {
        AgreesWithTheRing(random, Homes(random, slots, 1024, weighted), prefix, 1'000'000 / kRings + 3);
      }
    }
  }
  for (const uint32_t buckets : {64u, 128u, 512u, 2048u, 4096u}) {
    AgreesWithTheRing(random, Homes(random, 13, buckets, true), 64, 3000);
  }
}

void EveryTableOf1024BucketsIsSmallEnough() {
  Random random;
  for (uint32_t slots = 1; slots <= 256; ++slots) {
    std::vector<uint16_t> worst(1024);
    for (uint16_t& home : worst) home = static_cast<uint16_t>(random.Below(slots));
    const std::vector<BpfInstruction> program = Compile(worst, 64);
    Check(program.size() <= 1300);
    IsWellFormed(program);
  }
}

void ATableThatDoesNotFitGivesAnEmptyProgram() {
  Random random;
  Check(Compile(Homes(random, 256, 65536, false), 64).empty());
  std::vector<uint16_t> homes(1024, 0);
  homes[17] = 256;
  Check(Compile(homes, 64).empty());
}

}  // namespace

int main() {
  AMillionAddressesFindTheSlotOfTheRing();
  EveryTableOf1024BucketsIsSmallEnough();
  ATableThatDoesNotFitGivesAnEmptyProgram();
  return failures == 0 ? 0 : 1;
}
