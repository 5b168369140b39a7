// Connections whose rules need bytes wait until these have arrived. Those that do not send them in time are rejected.
#include "handoff/primary/pending_heads.h"

#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "handoff/socket_pair.h"

using namespace limpet;

namespace {

constexpr uint64_t kTokenBit = uint64_t{1} << 33;
constexpr uint8_t kListener = 3;
constexpr uint8_t kOtherListener = 4;
const std::string kHead = "GET / HTTP/1.1\r\nX-User: anna\r\n\r\n";

void Sleep(int ms) { poll(nullptr, 0, ms); }

IpAddress AddressOf(std::string_view text) {
  IpAddress address;
  Check(ParseIp(text, address));
  return address;
}

// The header X-User gives the key, else the address.
AffinityChain Chain() {
  AffinityChain chain;
  AffinityRule header;
  header.kind = RuleKind::kHeader;
  header.name = "x-user";
  chain.rules = {header, AffinityRule()};
  return chain;
}

// A connection that was placed.
struct Placed {
  Descriptor socket;
  uint8_t listener;
  Placement placement;
  std::string text;
};

class Fixture {
 public:
  explicit Fixture(PendingHeads::Settings settings = {}, AffinityChain chain = Chain())
      : chain_(std::make_shared<AffinityChain>(std::move(chain))) {
    Check(poller_.Open().ok());
    heads_ = std::make_unique<PendingHeads>(&poller_, kTokenBit, settings, OnPlacement, this);
  }

  PendingHeads& heads() { return *heads_; }
  std::vector<Placed>& placed() { return placed_; }
  uint64_t Refused(Refusal reason) { return heads_->refused()[static_cast<size_t>(reason)]; }
  void DestroyHeads() { heads_.reset(); }

  // Admits a connection of which `arrived` has arrived, and returns its client.
  Descriptor Admit(std::string_view arrived = "", std::string_view from = "192.0.2.1", uint8_t listener = kListener) {
    SocketPair pair;
    if (!arrived.empty()) Write(pair.client, arrived);
    heads_->Admit(std::move(pair.socket), listener, chain_, {AddressOf(from), 1234});
    return std::move(pair.client);
  }

  // Handles all that the poller reports now. Returns how many reports there were.
  size_t HandleReports() {
    uint64_t tokens[8];
    const size_t count = poller_.Wait(0, tokens, 8);
    for (size_t i = 0; i < count; ++i) Check(heads_->OnReadable(tokens[i]));
    return count;
  }

 private:
  static void OnPlacement(void* self, Descriptor socket, uint8_t listener, const Placement& placement) {
    static_cast<Fixture*>(self)->placed_.push_back(
        {std::move(socket), listener, placement, std::string(placement.text)});
  }

  const SharedChain chain_;
  Poller poller_;
  std::unique_ptr<PendingHeads> heads_;
  std::vector<Placed> placed_;
};

void ACompleteHeadIsPlacedAtOnceAndStaysInTheStream() {
  Fixture fixture;
  const Descriptor client = fixture.Admit(kHead);
  Check(fixture.placed().size() == 1 && fixture.heads().waiting(kListener) == 0);
  const Placed& placed = fixture.placed()[0];
  Check(placed.listener == kListener && !placed.placement.by_address && placed.text == "anna");
  Check(!placed.placement.unknown && !placed.placement.slot && !placed.placement.proxied);
  Check(Read(placed.socket) == kHead && IsOpen(client));
}

void AHeadInPortionsIsPlacedWhenItIsComplete() {
  Fixture fixture;
  const Descriptor client = fixture.Admit(kHead.substr(0, 10));
  Check(fixture.placed().empty() && fixture.heads().waiting(kListener) == 1 && fixture.heads().waiting(kOtherListener) == 0);
  Check(fixture.HandleReports() == 1);
  Check(fixture.placed().empty());
  Write(client, kHead.substr(10));
  Check(fixture.HandleReports() == 1);
  Check(fixture.placed().size() == 1 && fixture.placed()[0].text == "anna" && fixture.heads().waiting(kListener) == 0);
  // The poller no longer watches a connection that is placed.
  Write(client, "more");
  Check(fixture.HandleReports() == 0);
  Check(Read(fixture.placed()[0].socket) == kHead + "more");
}

void ATokenOfSomebodyElseIsLeftAlone() {
  Fixture fixture;
  const Descriptor client = fixture.Admit("GET");
  Check(!fixture.heads().OnReadable(0));
  Check(!fixture.heads().OnReadable(uint64_t{1} << 32));
  // A report of a connection that is no longer there.
  Check(fixture.heads().OnReadable(kTokenBit | 99));
  Check(fixture.heads().OnReadable(kTokenBit << 1 | 99));
  Check(fixture.heads().waiting(kListener) == 1 && IsOpen(client));
}

void AClientThatClosesWithoutAByteIsClosed() {
  Fixture fixture;
  const Descriptor client = fixture.Admit();
  shutdown(client.get(), SHUT_WR);
  fixture.HandleReports();
  Check(fixture.placed().empty() && fixture.heads().waiting(kListener) == 0 && IsClosed(client));
  for (const uint64_t refused : fixture.heads().refused()) Check(refused == 0);
}

void AHalfClosedClientWithoutAKeyIsPlacedByItsAddress() {
  Fixture fixture;
  const Descriptor client = fixture.Admit("GET / HTTP/1.1\r\n");
  shutdown(client.get(), SHUT_WR);
  fixture.HandleReports();
  Check(fixture.placed().size() == 1);
  Check(fixture.placed()[0].placement.by_address && fixture.placed()[0].placement.unknown);
  Check(fixture.placed()[0].placement.address == AddressOf("192.0.2.1"));
}

void AProxyHeaderIsTakenOffTheStream() {
  AffinityChain chain = Chain();
  chain.proxy_header = {ProxyHeaderUse::kConsumed, false, {{AddressOf("192.0.2.1"), 128}}};
  Fixture fixture({}, std::move(chain));
  const Descriptor client = fixture.Admit("PROXY TCP4 198.51.100.7 192.0.2.9 4711 80\r\n" + kHead);
  Check(fixture.placed().size() == 1);
  const Placed& placed = fixture.placed()[0];
  Check(placed.placement.proxied && placed.placement.proxied->address == AddressOf("198.51.100.7"));
  Check(placed.placement.proxied && placed.placement.proxied->port == 4711);
  Check(Read(placed.socket) == kHead);
}

void AMissingProxyHeaderClosesWithoutAnAnswer() {
  AffinityChain chain = Chain();
  chain.proxy_header = {ProxyHeaderUse::kConsumed, false, {{AddressOf("192.0.2.1"), 128}}};
  Fixture fixture({}, std::move(chain));
  const Descriptor client = fixture.Admit(kHead);
  Check(fixture.placed().empty() && fixture.Refused(Refusal::kProxyHeaderMissing) == 1);
  Check(Read(client).empty());
}

void ATooLargeHeadIsAnswered() {
  AffinityChain chain = Chain();
  chain.head_bytes_max = 64;
  Fixture fixture({}, std::move(chain));
  const Descriptor client = fixture.Admit("GET / HTTP/1.1\r\nX-Long: " + std::string(100, 'x'));
  Check(fixture.Refused(Refusal::kHeadTooLarge) == 1 && fixture.heads().waiting(kListener) == 0);
  Check(Read(client).starts_with("HTTP/1.1 431 "));
}

void ALateHeadIsAnsweredAndASilentClientIsNot() {
  Fixture fixture({.timeout_ms = 20});
  const Descriptor late = fixture.Admit("GET / HT"), silent = fixture.Admit();
  Check(fixture.heads().waiting(kListener) == 2 && fixture.heads().DueInMs() <= 20);
  Sleep(30);
  fixture.heads().OnTime();
  Check(fixture.heads().waiting(kListener) == 0);
  Check(fixture.Refused(Refusal::kHeadTimeout) == 1 && fixture.Refused(Refusal::kSilent) == 1);
  Check(Read(late).starts_with("HTTP/1.1 408 "));
  Check(IsClosed(silent));
}

void TheOldestOfTooManyIsRefused() {
  Fixture fixture({.max = 2});
  const Descriptor oldest = fixture.Admit("GET"), second = fixture.Admit("GET"), newest = fixture.Admit("GET");
  Check(fixture.heads().waiting(kListener) == 2 && fixture.Refused(Refusal::kTooManyPending) == 1);
  Check(Read(oldest).starts_with("HTTP/1.1 503 "));
  Check(IsOpen(second) && IsOpen(newest));
}

void TheOldestOfTooManyFromOneAddressIsRefused() {
  Fixture fixture({.per_address_max = 2});
  const Descriptor neighbor = fixture.Admit("GET", "192.0.2.2");
  const Descriptor oldest = fixture.Admit("GET"), second = fixture.Admit("GET"), newest = fixture.Admit("GET");
  Check(fixture.heads().waiting(kListener) == 3 && fixture.Refused(Refusal::kTooManyPendingFromAddress) == 1);
  Check(Read(oldest).starts_with("HTTP/1.1 503 "));
  Check(IsOpen(neighbor) && IsOpen(second) && IsOpen(newest));
  // A connection that was placed no longer counts for its address.
  Write(newest, " / HTTP/1.1\r\n\r\n");
  while (fixture.HandleReports() > 0) {
  }
  Check(fixture.placed().size() == 1);
  const Descriptor next = fixture.Admit("GET");
  Check(fixture.Refused(Refusal::kTooManyPendingFromAddress) == 1 && IsOpen(next) && IsOpen(second));
}

void ATrustedAddressHasNoLimitOfItsOwn() {
  AffinityChain chain = Chain();
  chain.proxy_header = {ProxyHeaderUse::kConsumed, true, {{AddressOf("192.0.2.1"), 128}}};
  Fixture fixture({.per_address_max = 1}, std::move(chain));
  const Descriptor first = fixture.Admit("GET"), second = fixture.Admit("GET");
  Check(fixture.heads().waiting(kListener) == 2 && IsOpen(first) && IsOpen(second));
}

void AClientThatSendsByteByByteIsPeekedAtAfterPauses() {
  Fixture fixture;
  const Descriptor client = fixture.Admit(kHead.substr(0, 1));
  fixture.HandleReports();
  size_t sent = 1;
  while (fixture.heads().DueInMs() > 8 && sent < 20) {
    Write(client, kHead.substr(sent++, 1));
    Check(fixture.HandleReports() == 1);
  }
  Check(sent < 8 && fixture.heads().DueInMs() <= 8);
  // Now its bytes wake nobody.
  Write(client, kHead.substr(sent));
  Check(fixture.HandleReports() == 0 && fixture.placed().empty());
  Sleep(12);
  fixture.heads().OnTime();
  Check(fixture.placed().size() == 1 && fixture.placed()[0].text == "anna");
}

void DropClosesSilentConnectionsOrAll() {
  Fixture fixture;
  const Descriptor spoken = fixture.Admit("GET"), silent = fixture.Admit();
  const Descriptor other = fixture.Admit("", "192.0.2.1", kOtherListener);
  Check(fixture.heads().Drop(kListener, false) == 1);
  Check(IsClosed(silent) && IsOpen(spoken) && IsOpen(other));
  Check(fixture.heads().Drop(kListener, true) == 1);
  Check(Read(spoken).starts_with("HTTP/1.1 503 ") && IsOpen(other));
  Check(fixture.heads().waiting(kListener) == 0 && fixture.heads().waiting(kOtherListener) == 1);
  Check(fixture.heads().Drop(kListener, true) == 0);
}

void WaitingConnectionsAreClosedAtTheEnd() {
  Fixture fixture;
  const Descriptor waiting = fixture.Admit("GET"), silent = fixture.Admit();
  fixture.DestroyHeads();
  // A close with unread bytes resets the connection.
  char byte;
  Check(recv(waiting.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
  Check(IsClosed(silent));
}

void NothingIsDueWithoutConnections() {
  Fixture fixture;
  Check(fixture.heads().DueInMs() == INT32_MAX);
  fixture.heads().OnTime();
  const Descriptor client = fixture.Admit("GET");
  Check(fixture.heads().DueInMs() <= 5000);
}

}  // namespace

int main() {
  ACompleteHeadIsPlacedAtOnceAndStaysInTheStream();
  AHeadInPortionsIsPlacedWhenItIsComplete();
  ATokenOfSomebodyElseIsLeftAlone();
  AClientThatClosesWithoutAByteIsClosed();
  AHalfClosedClientWithoutAKeyIsPlacedByItsAddress();
  AProxyHeaderIsTakenOffTheStream();
  AMissingProxyHeaderClosesWithoutAnAnswer();
  ATooLargeHeadIsAnswered();
  ALateHeadIsAnsweredAndASilentClientIsNot();
  TheOldestOfTooManyIsRefused();
  TheOldestOfTooManyFromOneAddressIsRefused();
  ATrustedAddressHasNoLimitOfItsOwn();
  AClientThatSendsByteByByteIsPeekedAtAfterPauses();
  DropClosesSilentConnectionsOrAll();
  WaitingConnectionsAreClosedAtTheEnd();
  NothingIsDueWithoutConnections();
  return failures == 0 ? 0 : 1;
}
