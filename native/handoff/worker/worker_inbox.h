// How connections enter a worker: accepted from a listening socket of its own, or received from the acceptor.
#ifndef LIMPET_HANDOFF_WORKER_WORKER_INBOX_H_
#define LIMPET_HANDOFF_WORKER_WORKER_INBOX_H_

#include <uv.h>

#include <array>
#include <memory>

#include "handoff/busiest_client.h"
#include "handoff/descriptor.h"
#include "handoff/fd_channel.h"
#include "handoff/shared_memory.h"
#include "handoff/status.h"
#include "handoff/watched_descriptor.h"

namespace limpet {

// The intake of one worker process, on the process's own libuv loop: one call of `deliver` a wake, with at most
// kBatchMax connections, so that what is accepted and not yet answered is never more than that. Where descriptors or memory run out it
// rests, 10 ms doubling to 1 s, instead of spinning on a socket that stays readable; what waits stays with the kernel.
//
// Counts in the process's row of the shared page: `taking` is set before each system call that may return connections, so
// that after a SIGKILL at any instant accepted + taking - closed is at least what the process had taken and not closed.
class WorkerInbox {
 public:
  // Takes ownership of the `count` descriptors: non-blocking, close-on-exec. May call Accept and Stop*.
  using Deliver = void (*)(void* context, const Connection* connections, size_t count);

  // `page` must outlive the inbox.
  WorkerInbox(uv_loop_t* loop, const SharedMemory* memory, uint32_t worker_index, uint32_t slot, Deliver deliver, void* context);
  // Closes what it holds. Its libuv handles outlive it until the loop has closed them.
  ~WorkerInbox();
  WorkerInbox(const WorkerInbox&) = delete;
  WorkerInbox& operator=(const WorkerInbox&) = delete;

  // Accepts from `socket` for `listener`. One socket a listener: a second one replaces the first.
  Status Accept(uint8_t listener, Descriptor socket);
  // Stops accepting for `listener` and closes the socket. With `drain`, first delivers what waits in the kernel's queue: at
  // most as much as a backlog holds.
  void StopAccepting(uint8_t listener, bool drain);

  // Receives from `channel`, which stays the caller's and open as long as the inbox.
  Status Receive(int channel);
  // Connections for `listener` are delivered, from now on or no longer. What comes for another is passed back through the
  // channel. With no listener left nothing is read from the channel.
  void Expect(uint8_t listener, bool expected);

  // Stops everything; what comes later stays with the kernel or in the channel.
  void Stop();

 private:
  class AcceptLoop;
  class ChannelReader;

  std::atomic<double>& cell(uint32_t cell) const { return memory_->worker(worker_index_, cell); }
  void Took(size_t count) const;
  void ShowBusiest() const;

  uv_loop_t* const loop_;
  const SharedMemory* const memory_;
  const uint32_t worker_index_;
  const uint32_t slot_;
  const Deliver deliver_;
  void* const context_;
  BusiestClient busiest_;
  std::array<std::unique_ptr<AcceptLoop, WatchedDescriptor::Closer>, 256> accept_loops_;
  std::unique_ptr<ChannelReader, WatchedDescriptor::Closer> channel_reader_;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_WORKER_WORKER_INBOX_H_
