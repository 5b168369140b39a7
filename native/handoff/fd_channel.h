// One slot's channel: it carries accepted connections from the acceptor to the worker process in the slot.
#ifndef LIMPET_HANDOFF_FD_CHANNEL_H_
#define LIMPET_HANDOFF_FD_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "handoff/descriptor.h"
#include "handoff/status.h"
#include "ring/ip_address.h"
#include "ring/ring.h"

namespace limpet {

// An accepted connection, and what a message says about it. Owns its socket.
struct Connection {
  Descriptor socket{};
  uint8_t listener = 0;  // The router's number of the listener that accepted it, 0 to 254.
  uint16_t bucket = 0;   // The ring's bucket of its client key.
  // The slot that gets the connection instead of the bucket's owner, while that slot serves. kNoSlot: the ring decides.
  uint16_t pinned = kNoSlot;
  // The client that a PROXY header named. `::` if there was no such header.
  Endpoint proxied{};
  // When the acceptor chose a slot, in nanoseconds of uv_hrtime(), a clock that all processes share. 0 before that.
  uint64_t placed_ns = 0;

  uint16_t HomeIn(std::span<const uint16_t> homes) const { return pinned != kNoSlot ? pinned : homes[bucket]; }
};

// The most connections that a worker takes at a time. A worker that dies loses what it has taken and not yet answered.
inline constexpr size_t kBatchMax = 16;
// The most connections in one message. SCM_RIGHTS would allow 253, but several messages must fit into one batch.
inline constexpr size_t kMessageMax = 8;

enum class Transfer {
  kDone,
  kNothing,   // Receiving: the channel is empty, or the message was a poke.
  kFull,      // Sending: the channel is full, or the system's limit of descriptors in flight is reached. Try again later.
  kBroken,    // The other end is closed.
};

// Sends 1 to kMessageMax connections in one message, which arrives whole or not at all. On kDone the receiver has duplicates of the
// sockets, and the caller can close its own. On any other result nothing was sent.
Transfer SendConnections(int channel, std::span<const Connection* const> connections);

// Receives one message into `connections`, which has room for kMessageMax. The sockets are non-blocking and close-on-exec.
// The process must have kMessageMax free descriptors: the kernel silently drops every socket for which there is none.
Transfer ReceiveConnections(int channel, Connection* connections, size_t* count);

// Wakes the process at the other end with a message that carries no connection.
void Poke(int channel);

// How many connections can be read from `channel`.
size_t WaitingIn(int channel);

// Both ends of a slot's channel, close-on-exec and non-blocking. The primary keeps both for the router's life: connections in the
// channel survive the death of a worker that did not read them.
struct ChannelPair {
  Descriptor primary_end;
  Descriptor worker_end;

  static Status Open(ChannelPair* pair);
};

// How many more connections this process has descriptors for: RLIMIT_NOFILE minus the open descriptors, minus a reserve of 32 for
// everything else in the process.
size_t DescriptorsLeft();

}  // namespace limpet

#endif  // LIMPET_HANDOFF_FD_CHANNEL_H_
