// The reuseport group in the kernel that runs the test.
#include "handoff/primary/reuseport.h"

#include <sys/wait.h>

#include <cerrno>
#include <vector>

#include "check.h"
#include "handoff/loopback.h"
#include "ring/ring.h"

using namespace limpet;

namespace {

constexpr HashKey kKey{0x6b657931, 0x6b657932};

struct Ring {
  explicit Ring(uint32_t slots) : homes(1024) { BuildHomes(std::vector<double>(slots, 1), homes); }

  std::vector<BpfInstruction> Program() const {
    return CompileSteering({{kKey.k0, kKey.k1}, 64, homes.data(), static_cast<uint32_t>(homes.size())});
  }
  uint16_t HomeOf(uint32_t ipv4) const { return RingView(kKey, homes).OwnerOfKey(KeyOfIpv4(ipv4)); }

  std::vector<uint16_t> homes;
};

bool Reaches(const ReuseportGroup& group, uint32_t from, uint16_t slot) {
  const ListenAddress address = AddressOf(group.descriptor(0));
  const Descriptor client = Connect(address, from);
  const Descriptor served(accept(group.descriptor(slot), nullptr, nullptr));
  return client.valid() && served.valid();
}

void EveryClientReachesItsHome(const ReuseportGroup& group, const Ring& ring, uint32_t clients) {
  for (uint32_t i = 0; i < clients; ++i) Check(Reaches(group, LoopbackAddress(i), ring.HomeOf(LoopbackAddress(i))));
}

void SteersLikeTheRing() {
  for (const uint32_t slots : {1u, 2u, 3u, 8u, 16u, 17u, 256u}) {
    const Ring ring(slots);
    ReuseportGroup group;
    Check(group.Open(Loopback(), slots, 511, ring.Program()).ok());
    Check(group.size() == slots);
    EveryClientReachesItsHome(group, ring, 500);
  }
}

void GrowsAndShrinks() {
  ReuseportGroup group;
  Check(group.Open(Loopback(), 1, 511, Ring(1).Program()).ok());
  for (const uint32_t slots : {2u, 3u, 40u}) {
    const Ring ring(slots);
    Check(group.Grow(slots).ok());
    Check(group.Steer(ring.Program()).ok());
    EveryClientReachesItsHome(group, ring, 300);
  }
  const Ring less(3);
  Check(group.Steer(less.Program()).ok());
  while (group.size() > 3) group.RemoveLast();
  EveryClientReachesItsHome(group, less, 300);
}

void RefusesAnAddressThatIsTaken() {
  const Ring ring(2);
  ReuseportGroup group, other;
  Descriptor alone;
  Check(group.Open(Loopback(), 2, 511, ring.Program()).ok());
  const ListenAddress taken = AddressOf(group.descriptor(0));
  Check(other.Open(taken, 2, 511, ring.Program()).error() == EADDRINUSE);
  Check(other.size() == 0);
  Check(ListenExclusively(taken, 511, &alone).error() == EADDRINUSE);
  group = {};
  Check(ListenExclusively(taken, 511, &alone).ok());
  Check(group.Open(taken, 2, 511, ring.Program()).error() == EADDRINUSE);
}

// Two processes open the same port at the same moment. Exactly one of them gets it. The test repeats this 50 times.
void OneOfTwoRoutersGetsThePort() {
  const Ring ring(4);
  const std::vector<BpfInstruction> program = ring.Program();
  for (int round = 0; round < 50; ++round) {
    Descriptor probe;
    Check(ListenExclusively(Loopback(), 1, &probe).ok());
    const ListenAddress address = AddressOf(probe.get());
    probe.Reset();
    int start[2], result[2], end[2];
    Check(pipe(start) == 0 && pipe(result) == 0 && pipe(end) == 0);
    pid_t children[2];
    for (pid_t& child : children) {
      child = fork();
      if (child != 0) continue;
      close(end[1]);
      char go;
      static_cast<void>(!read(start[0], &go, 1));
      ReuseportGroup group;
      const char won = group.Open(address, 4, 511, program).ok() ? 1 : 0;
      static_cast<void>(!write(result[1], &won, 1));
      // The pipe ends when both have tried. Until then both keep their sockets.
      static_cast<void>(!read(end[0], &go, 1));
      _exit(0);
    }
    static_cast<void>(!write(start[1], "gg", 2));
    int winners = 0;
    for (int i = 0; i < 2; ++i) {
      char won = 0;
      Check(read(result[0], &won, 1) == 1);
      winners += won;
    }
    Check(winners == 1);
    for (const int fd : {start[0], start[1], result[0], result[1], end[0], end[1]}) close(fd);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
  }
}

void ReadsTheAcceptQueue() {
  Descriptor listener;
  Check(ListenExclusively(Loopback(), 8, &listener).ok());
  const ListenAddress address = AddressOf(listener.get());
  std::vector<Descriptor> clients;
  for (uint32_t i = 0; i < 5; ++i) clients.push_back(Connect(address, LoopbackAddress(i)));
  const ListenQueue queue = ReadListenQueue(listener.get());
  Check(queue.waiting == 5 && queue.capacity == 8);
}

}  // namespace

int main() {
  SteersLikeTheRing();
  GrowsAndShrinks();
  RefusesAnAddressThatIsTaken();
  OneOfTwoRoutersGetsThePort();
  ReadsTheAcceptQueue();
  return failures == 0 ? 0 : 1;
}
