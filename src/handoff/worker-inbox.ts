import { batchMax, type HandoffBinding, type NativeInbox, peerBytes } from '../binding/handoff-binding.js';
import { SharedMemory } from '../binding/shared-memory.js';
import { addressText } from '../binding/typescript/ip-address.js';
import type { ConnectionSink, ProxiedClient } from '../connection.js';

export interface WorkerInboxSettings {
  readonly slot: number;
  readonly workerIndex: number;
  /** The two inherited descriptors, as {@link Acceptor.inheritedDescriptors} names them. */
  readonly channel: number;
  readonly memory: number;
}

/** The native inbox of a worker, and the worker's counters in the shared memory. All its `kernel` and `fd` listeners share them. */
export class WorkerInbox {
  readonly #inbox: NativeInbox;
  readonly #memory: SharedMemory;
  readonly #workerIndex: number;
  readonly #channel: number;
  /** By listener. */
  readonly #sinks: (ConnectionSink | undefined)[] = [];
  readonly #openListeners: Set<number> = new Set();
  #receiving = false;

  /** Makes the inherited descriptors close-on-exec. So create the inbox before the process can start children. */
  constructor(binding: HandoffBinding, { slot, workerIndex, channel, memory }: WorkerInboxSettings) {
    binding.closeOnExec(channel);
    binding.closeOnExec(memory);
    const descriptors = new Int32Array(batchMax);
    const listeners = new Uint8Array(batchMax);
    const peers = new Uint8Array(batchMax * peerBytes);
    this.#workerIndex = workerIndex;
    this.#channel = channel;
    this.#memory = SharedMemory.map(binding, memory);
    const deliver = (fd: number, listener: number, client?: ProxiedClient) => {
      const sink = this.#sinks[listener];
      if (sink) sink.takeDescriptor(fd, client);
      else binding.close(fd);
    };
    this.#inbox = new binding.Inbox(
      { sharedMemory: memory, workerIndex, slot, descriptors, listeners, peers },
      (count, proxied) => {
        if (count === 1 && !proxied) {
          deliver(descriptors[0] as number, listeners[0] as number);
          return;
        }
        // A sink may call back and overwrite the arrays, so copy the batch first. Array.from would take longer than all the rest.
        const batch: Parameters<typeof deliver>[] = [];
        for (let i = 0; i < count; i++) {
          const client = proxied ? clientIn(peers, i * peerBytes) : undefined;
          batch.push([descriptors[i] as number, listeners[i] as number, client]);
        }
        for (const [fd, listener, client] of batch) deliver(fd, listener, client);
      },
    );
  }

  /**
   * Receives what comes through the slot's channel. Until this worker is attached, the channel belongs to the worker before it: call
   * `receive` then. A second call is a no-op.
   */
  receive(): void {
    if (this.#receiving) return;
    this.#receiving = true;
    this.#inbox.receive(this.#channel);
    for (const listener of this.#openListeners) this.#inbox.expect(listener, true);
  }

  /** From now on the listener's connections go to `sink`. */
  open(listener: number, sink: ConnectionSink): void {
    this.#sinks[listener] = sink;
    this.#openListeners.add(listener);
    this.#inbox.expect(listener, true);
  }

  /** Accepts from a listening socket, too. The inbox keeps a duplicate; the caller keeps `fd`. */
  accept(listener: number, fd: number): void {
    this.#inbox.accept(listener, fd);
  }

  /** With `drain`, accepts what waits in the kernel's queue first. */
  stopAccepting(listener: number, drain = false): void {
    this.#inbox.stopAccepting(listener, drain);
  }

  /** Takes no new connections for the listener. Connections that are still in the channel go back to the primary. */
  close(listener: number): void {
    this.#inbox.stopAccepting(listener, false);
    this.#openListeners.delete(listener);
    this.#inbox.expect(listener, false);
  }

  /** A connection that was passed to a sink has closed. */
  countClosed(): void {
    this.#memory.countClosed(this.#workerIndex);
  }
}

function clientIn(peers: Uint8Array, at: number): ProxiedClient | undefined {
  const bytes = peers.subarray(at, at + 16);
  if (bytes.every((byte) => byte === 0)) return undefined;
  const address = addressText(bytes);
  const port = ((peers[at + 16] as number) << 8) | (peers[at + 17] as number);
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port };
}
