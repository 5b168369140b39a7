// How a worker process gets its connections: it accepts them from its own listening sockets, or receives them from the acceptor.
#ifndef LIMPET_HANDOFF_WORKER_WORKER_INBOX_H_
#define LIMPET_HANDOFF_WORKER_WORKER_INBOX_H_

#include <uv.h>

#include <array>
#include <memory>
#include <span>

#include "handoff/busiest_client.h"
#include "handoff/descriptor.h"
#include "handoff/fd_channel.h"
#include "handoff/shared_memory.h"
#include "handoff/status.h"
#include "handoff/watched_descriptor.h"

namespace limpet {

// The inbox of one worker process, on the process's libuv loop. It calls `deliver` once for each wakeup, with at most kBatchMax
// connections, so never more than that are accepted and not yet delivered. If descriptors or memory run out, it backs off for
// 10 ms, doubling to 1 s, because the socket stays readable. Connections wait in the kernel meanwhile.
//
// Counts in the process's cells of the shared memory. `taking` is set before each system call that may return connections. So after
// a SIGKILL at any instant, accepted + taking - closed is at least the number of connections that the process had open.
class WorkerInbox {
 public:
  // Takes the sockets out of the connections, or leaves them to be closed. They are non-blocking and close-on-exec. May call Accept,
  // StopAccepting and Stop.
  using Deliver = void (*)(void* context, std::span<Connection> connections);

  // `memory` must outlive the inbox.
  WorkerInbox(uv_loop_t* loop, const SharedMemory* memory, uint32_t worker_index, uint32_t slot, Deliver deliver, void* context);
  // Closes what it owns. Its libuv handles outlive it until the loop has closed them.
  ~WorkerInbox();
  WorkerInbox(const WorkerInbox&) = delete;
  WorkerInbox& operator=(const WorkerInbox&) = delete;

  // Accepts connections of `listener` from `socket`. A listener has one socket: a second one replaces the first.
  Status Accept(uint8_t listener, Descriptor socket);
  // Stops accepting for `listener` and closes the socket. With `drain`, first delivers the connections that wait in the kernel.
  void StopAccepting(uint8_t listener, bool drain);

  // Receives connections from `channel`, which stays the caller's and must stay open as long as the inbox.
  Status Receive(int channel);
  // From now on connections of `listener` are delivered, or not. Connections of other listeners are returned through the channel.
  // When no listener is expected, nothing is read from the channel.
  void Expect(uint8_t listener, bool expected);

  // Stops everything. Connections that arrive later stay in the kernel or in the channel.
  void Stop();

 private:
  class AcceptLoop;
  class ChannelReader;

  std::atomic<double>& CellAt(uint32_t cell) const { return memory_->worker(worker_index_, cell); }
  // A system call that may return up to `count` connections is about to be made.
  void CountTaking(size_t count) const;
  // The system call has returned `count` connections.
  void CountAccepted(size_t count) const;
  void CountClient(const ClientKey& client);
  void PublishBusiest() const;

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
