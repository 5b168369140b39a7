// A connection that gets an answer but no worker is closed so that its client can read the answer.
#include "handoff/primary/lingering_close.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "handoff/loopback.h"
#include "handoff/socket_pair.h"

using namespace limpet;

namespace {

constexpr uint64_t kTokenBit = uint64_t{1} << 40;
constexpr uint64_t kNowMs = 5000;
constexpr size_t kLingeringMax = 1024;
const std::string kAnswer = "HTTP/1.1 503 Service Unavailable\r\n\r\n";

struct Fixture {
  Fixture() { Check(poller.Open().ok()); }

  // The tokens that the poller reports now.
  std::vector<uint64_t> Reported() {
    uint64_t tokens[8];
    const size_t count = poller.Wait(0, tokens, 8);
    return {tokens, tokens + count};
  }

  Poller poller;
  LingeringClose lingering{&poller, kTokenBit};
};

void WithoutAnAnswerAConnectionIsClosedAtOnce() {
  Fixture fixture;
  SocketPair pair;
  fixture.lingering.Begin(std::move(pair.socket), "", kNowMs);
  Check(IsClosed(pair.client));
  Check(fixture.lingering.count() == 0 && fixture.lingering.DueMs() == UINT64_MAX);
}

void AClientThatHasClosedGetsTheAnswerAndNoDelay() {
  Fixture fixture;
  SocketPair pair;
  Write(pair.client, "GET / HTTP/1.1\r\n");
  shutdown(pair.client.get(), SHUT_WR);
  fixture.lingering.Begin(std::move(pair.socket), kAnswer, kNowMs);
  Check(fixture.lingering.count() == 0);
  Check(Read(pair.client) == kAnswer && IsClosed(pair.client));
}

void AClientThatClosesAfterTheAnswerEndsTheLingering() {
  Fixture fixture;
  SocketPair pair;
  const int fd = pair.socket.get();
  fixture.lingering.Begin(std::move(pair.socket), kAnswer, kNowMs);
  Check(fixture.lingering.count() == 1 && fixture.lingering.DueMs() == kNowMs + 1000);
  // The half-close comes right after the answer. The socket itself stays open.
  Check(Read(pair.client) == kAnswer && IsClosed(pair.client));
  Check(fcntl(fd, F_GETFD) >= 0 && fixture.Reported().empty());

  shutdown(pair.client.get(), SHUT_WR);
  Check(fixture.Reported() == std::vector<uint64_t>({kTokenBit}));
  fixture.lingering.OnReadable(0);
  Check(fixture.lingering.count() == 0 && fcntl(fd, F_GETFD) < 0);
  Check(fixture.Reported().empty());
}

void BytesAfterTheAnswerAreDiscardedAndGainNoTime() {
  Fixture fixture;
  SocketPair pair;
  fixture.lingering.Begin(std::move(pair.socket), kAnswer, kNowMs);
  Write(pair.client, std::string(50'000, 'x'));
  Check(fixture.Reported().size() == 1);
  fixture.lingering.OnReadable(0);
  Check(fixture.Reported().empty());
  Check(fixture.lingering.count() == 1 && fixture.lingering.DueMs() == kNowMs + 1000);
}

void ALateClientIsClosedAfterOneSecond() {
  Fixture fixture;
  SocketPair early, late;
  const int early_fd = early.socket.get(), late_fd = late.socket.get();
  fixture.lingering.Begin(std::move(early.socket), kAnswer, kNowMs);
  fixture.lingering.Begin(std::move(late.socket), kAnswer, kNowMs + 400);
  fixture.lingering.OnTime(kNowMs + 999);
  Check(fixture.lingering.count() == 2);
  fixture.lingering.OnTime(kNowMs + 1000);
  Check(fixture.lingering.count() == 1 && fixture.lingering.DueMs() == kNowMs + 1400);
  Check(fcntl(early_fd, F_GETFD) < 0 && fcntl(late_fd, F_GETFD) >= 0);
  fixture.lingering.OnTime(kNowMs + 5000);
  Check(fixture.lingering.count() == 0 && fcntl(late_fd, F_GETFD) < 0);
}

void AReportThatComesTooLateChangesNothing() {
  Fixture fixture;
  SocketPair first, second;
  fixture.lingering.Begin(std::move(first.socket), kAnswer, kNowMs);
  fixture.lingering.OnTime(kNowMs + 1000);
  fixture.lingering.Begin(std::move(second.socket), kAnswer, kNowMs + 2000);
  shutdown(second.client.get(), SHUT_WR);
  fixture.lingering.OnReadable(0);
  fixture.lingering.OnReadable(99);
  Check(fixture.lingering.count() == 1);
  fixture.lingering.OnReadable(1);
  Check(fixture.lingering.count() == 0);
}

void AtMost1024ConnectionsLinger() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Fixture fixture;
  std::vector<SocketPair> pairs(kLingeringMax + 1);
  for (SocketPair& pair : pairs) {
    const int fd = pair.socket.get();
    fixture.lingering.Begin(std::move(pair.socket), kAnswer, kNowMs);
    const bool is_last = &pair == &pairs.back();
    Check((fcntl(fd, F_GETFD) < 0) == is_last);
  }
  Check(fixture.lingering.count() == kLingeringMax);
  // The one too many is answered too.
  Check(Read(pairs.back().client) == kAnswer && IsClosed(pairs.back().client));
  fixture.lingering.OnTime(kNowMs + 1000);
  Check(fixture.lingering.count() == 0);
}

// On TCP a close with unread bytes resets the connection, and the client can lose the answer.
void AClientInTheMiddleOfARequestReadsTheWholeAnswer() {
  Fixture fixture;
  Descriptor listener;
  Check(ListenExclusively(Loopback(), 8, &listener).ok());
  const Descriptor client = Connect(AddressOf(listener.get()), LoopbackAddress(1));
  Descriptor socket(accept(listener.get(), nullptr, nullptr));
  Check(client.valid() && socket.valid());
  Write(client, std::string(20'000, 'x'));
  fixture.lingering.Begin(std::move(socket), kAnswer, kNowMs);
  Write(client, std::string(20'000, 'y'));
  poll(nullptr, 0, 10);
  if (!fixture.Reported().empty()) fixture.lingering.OnReadable(0);
  Check(fixture.lingering.count() == 1);
  Check(Read(client) == kAnswer);
  shutdown(client.get(), SHUT_WR);
  poll(nullptr, 0, 10);
  fixture.lingering.OnReadable(0);
  Check(fixture.lingering.count() == 0);
  char byte;
  Check(recv(client.get(), &byte, 1, 0) == 0);
}

void AClientThatResetsAfterTheAnswerEndsTheLingering() {
  Fixture fixture;
  Descriptor listener;
  Check(ListenExclusively(Loopback(), 8, &listener).ok());
  Descriptor client = Connect(AddressOf(listener.get()), LoopbackAddress(3));
  Descriptor socket(accept(listener.get(), nullptr, nullptr));
  fixture.lingering.Begin(std::move(socket), kAnswer, kNowMs);
  Check(fixture.lingering.count() == 1);
  client.Reset();
  poll(nullptr, 0, 10);
  Check(fixture.Reported().size() == 1);
  fixture.lingering.OnReadable(0);
  Check(fixture.lingering.count() == 0);
}

// Another process can have the same socket. Closing it here does not remove it from epoll.
void AClosedConnectionIsNoLongerPolled() {
  Fixture fixture;
  SocketPair pair;
  const Descriptor other = Descriptor::Duplicate(pair.socket.get());
  fixture.lingering.Begin(std::move(pair.socket), kAnswer, kNowMs);
  fixture.lingering.OnTime(kNowMs + 1000);
  Write(pair.client, "late");
  Check(fixture.Reported().empty());
}

void AClientThatHasResetIsClosedAtOnce() {
  Fixture fixture;
  Descriptor listener;
  Check(ListenExclusively(Loopback(), 8, &listener).ok());
  Descriptor client = Connect(AddressOf(listener.get()), LoopbackAddress(2));
  Descriptor socket(accept(listener.get(), nullptr, nullptr));
  client.Reset();
  poll(nullptr, 0, 10);
  fixture.lingering.Begin(std::move(socket), kAnswer, kNowMs);
  Check(fixture.lingering.count() == 0);
}

void LingeringConnectionsAreClosedAtTheEnd() {
  SocketPair pair;
  const int fd = pair.socket.get();
  {
    Fixture fixture;
    fixture.lingering.Begin(std::move(pair.socket), kAnswer, kNowMs);
    Check(fcntl(fd, F_GETFD) >= 0);
  }
  Check(fcntl(fd, F_GETFD) < 0);
}

}  // namespace

int main() {
  WithoutAnAnswerAConnectionIsClosedAtOnce();
  AClientThatHasClosedGetsTheAnswerAndNoDelay();
  AClientThatClosesAfterTheAnswerEndsTheLingering();
  BytesAfterTheAnswerAreDiscardedAndGainNoTime();
  ALateClientIsClosedAfterOneSecond();
  AReportThatComesTooLateChangesNothing();
  AtMost1024ConnectionsLinger();
  AClientInTheMiddleOfARequestReadsTheWholeAnswer();
  AClientThatResetsAfterTheAnswerEndsTheLingering();
  AClosedConnectionIsNoLongerPolled();
  AClientThatHasResetIsClosedAtOnce();
  LingeringConnectionsAreClosedAtTheEnd();
  return failures == 0 ? 0 : 1;
}
