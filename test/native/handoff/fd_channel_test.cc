// Connections travel through a slot's channel with everything that a message says about them, and change their owner once.
#include "handoff/fd_channel.h"

#include <fcntl.h>

#include <utility>
#include <vector>

#include "check.h"
#include "handoff/socket_pair.h"

using namespace limpet;

namespace {

struct Channel {
  Channel() { Check(ChannelPair::Open(&ends).ok()); }

  Transfer Send(const std::vector<Connection>& connections) const {
    std::vector<const Connection*> message;
    for (const Connection& connection : connections) message.push_back(&connection);
    return SendConnections(ends.primary_end.get(), message);
  }
  Transfer Receive(Connection* connections, size_t* count) const {
    return ReceiveConnections(ends.worker_end.get(), connections, count);
  }

  ChannelPair ends;
};

void AConnectionArrivesWithAllItsFields() {
  const Channel channel;
  SocketPair pair;
  std::vector<Connection> sent;
  sent.push_back({std::move(pair.socket), 254, 65535, 7, {}, 123'456'789'012});
  sent[0].proxied.address.bytes[15] = 1;
  sent[0].proxied.port = 40'000;
  Check(channel.Send(sent) == Transfer::kDone);

  Connection received[kMessageMax];
  size_t count = 0;
  Check(channel.Receive(received, &count) == Transfer::kDone);
  Check(count == 1);
  Check(received[0].listener == 254 && received[0].bucket == 65535 && received[0].pinned == 7);
  Check(received[0].proxied.address == sent[0].proxied.address && received[0].proxied.port == 40'000);
  Check(received[0].placed_ns == 123'456'789'012);
  Check(fcntl(received[0].socket.get(), F_GETFD) == FD_CLOEXEC);
  Write(pair.client, "hello");
  Check(Read(received[0].socket) == "hello");
}

void SenderAndReceiverOwnTheirOwnCopies() {
  const Channel channel;
  SocketPair pair;
  std::vector<Connection> sent;
  sent.push_back({.socket = std::move(pair.socket)});
  Check(channel.Send(sent) == Transfer::kDone);
  sent.clear();
  Check(IsOpen(pair.client));
  {
    Connection received[kMessageMax];
    size_t count = 0;
    Check(channel.Receive(received, &count) == Transfer::kDone);
    Check(IsOpen(pair.client));
  }
  Check(IsClosed(pair.client));
}

void AMessageThatWasNotReadIsClosedWithTheChannel() {
  SocketPair pair;
  {
    const Channel channel;
    std::vector<Connection> sent;
    sent.push_back({.socket = std::move(pair.socket)});
    Check(channel.Send(sent) == Transfer::kDone);
    sent.clear();
    Check(IsOpen(pair.client));
  }
  Check(IsClosed(pair.client));
}

void AFullMessageArrivesInOrder() {
  const Channel channel;
  std::vector<SocketPair> pairs(kMessageMax);
  std::vector<Connection> sent;
  for (size_t i = 0; i < kMessageMax; ++i) {
    sent.push_back({.socket = std::move(pairs[i].socket), .bucket = static_cast<uint16_t>(i)});
  }
  Check(channel.Send(sent) == Transfer::kDone);
  Check(WaitingIn(channel.ends.worker_end.get()) == kMessageMax);
  Connection received[kMessageMax];
  size_t count = 0;
  Check(channel.Receive(received, &count) == Transfer::kDone);
  Check(count == kMessageMax);
  for (size_t i = 0; i < kMessageMax; ++i) Check(received[i].bucket == i);
  Check(WaitingIn(channel.ends.worker_end.get()) == 0);
}

void APokeWakesAndCarriesNoConnection() {
  const Channel channel;
  Connection received[kMessageMax];
  size_t count = 5;
  Check(channel.Receive(received, &count) == Transfer::kNothing && count == 0);
  Poke(channel.ends.primary_end.get());
  Check(WaitingIn(channel.ends.worker_end.get()) == 1);
  Check(channel.Receive(received, &count) == Transfer::kNothing && count == 0);
  Check(WaitingIn(channel.ends.worker_end.get()) == 0);
}

void AFullChannelTakesNothingMore() {
  const Channel channel;
  const int smallest = 1;
  Check(setsockopt(channel.ends.primary_end.get(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) == 0);
  SocketPair pair;
  std::vector<Connection> sent;
  sent.push_back({.socket = std::move(pair.socket)});
  size_t messages = 0;
  while (messages < 1000 && channel.Send(sent) == Transfer::kDone) ++messages;
  Check(messages > 0 && messages < 1000);
  Check(channel.Send(sent) == Transfer::kFull);
  Check(WaitingIn(channel.ends.worker_end.get()) == messages);
}

void AClosedChannelIsBroken() {
  Channel channel;
  channel.ends.worker_end.Reset();
  SocketPair pair;
  std::vector<Connection> sent;
  sent.push_back({.socket = std::move(pair.socket)});
  Check(channel.Send(sent) == Transfer::kBroken);
  Check(IsOpen(pair.client));
  Connection received[kMessageMax];
  size_t count = 0;
  Check(ReceiveConnections(channel.ends.primary_end.get(), received, &count) == Transfer::kBroken);
}

}  // namespace

int main() {
  AConnectionArrivesWithAllItsFields();
  SenderAndReceiverOwnTheirOwnCopies();
  AMessageThatWasNotReadIsClosedWithTheChannel();
  AFullMessageArrivesInOrder();
  APokeWakesAndCarriesNoConnection();
  AFullChannelTakesNothingMore();
  AClosedChannelIsBroken();
  return failures == 0 ? 0 : 1;
}
