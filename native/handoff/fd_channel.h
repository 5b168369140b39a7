// One slot's channel: how connections go from the acceptor to the process in the slot.
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

// An accepted connection on its way, with what travels beside its descriptor.
struct Connection {
  int fd;
  uint8_t listener;  // the router's number, 0 to 254, of the listener that it came to
  uint16_t bucket;   // the ring's bucket of its client key
  // The slot that its client is to have instead, while that serves; kNoSlot when the ring decides.
  uint16_t pinned = kNoSlot;
  // The real client, where a PROXY header told it; else `::`.
  Endpoint proxied{};
  // When the acceptor knew whose it is, on a clock that all processes share (uv_hrtime); 0 while it does not.
  uint64_t placed_ns = 0;

  uint16_t HomeIn(std::span<const uint16_t> homes) const { return pinned != kNoSlot ? pinned : homes[bucket]; }
};

// What a process has accepted and not answered dies with it: it takes no more than this at a time.
inline constexpr size_t kBatchMax = 16;
// Connections in one message (SCM_RIGHTS would allow 253): small enough that several messages fit into one taking.
inline constexpr size_t kMessageMax = 8;

enum class Transfer {
  kDone,
  kNothing,   // receiving: the channel is empty, or the message was a poke
  kFull,      // sending: the channel, or the system's limit of descriptors in flight; try again later
  kBroken,    // the other end is closed
};

// Sends up to kMessageMax connections in one message that arrives whole or not at all. On kDone the receiver owns duplicates
// and the caller closes its own; on anything else nothing was sent.
Transfer SendConnections(int channel, const Connection* connections, size_t count);

// Receives one message of up to kMessageMax connections, non-blocking and close-on-exec, into `connections`; the caller owns
// them. The process must have room for as many descriptors: the kernel drops what does not fit without a trace.
Transfer ReceiveConnections(int channel, Connection* connections, size_t* count);

// Wakes the other end with an empty-handed message.
void Poke(int channel);

// How many connections wait in the channel for whoever reads from `channel`.
size_t WaitingIn(int channel);

// Both ends of a slot's channel. The primary holds them as long as the router lives, so nothing in the channel is lost with
// the process that had not read it. Close-on-exec, non-blocking.
struct ChannelPair {
  Descriptor primary_end;
  Descriptor worker_end;

  static Status Open(ChannelPair* pair);
};

// How many more connections this process has descriptors for: RLIMIT_NOFILE, less what is open, less a reserve of 32 for the
// rest of the program.
size_t DescriptorsLeft();

}  // namespace limpet

#endif  // LIMPET_HANDOFF_FD_CHANNEL_H_
