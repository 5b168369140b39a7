import { batchMax, type HandoffBinding, type NativeInbox, peerBytes } from '../binding/handoff-binding.js';
import { SharedMemory } from '../binding/shared-memory.js';
import { addressText } from '../binding/typescript/ip-address.js';
import type { ConnectionSink, ProxiedClient } from '../connection.js';

export interface WorkerInboxSettings {
  readonly slot: number;
  readonly workerIndex: number;
  /** The two inherited descriptors, as {@link Exchange.inherit} names them. */
  readonly channel: number;
  readonly memory: number;
}

/** What all `kernel` and `fd` listeners of a worker process share: its inbox, and its workerIndex of the page. */
export class WorkerInbox {
  readonly #inbox: NativeInbox;
  readonly #memory: SharedMemory;
  readonly #workerIndex: number;
  readonly #channel: number;
  readonly #sinks: (ConnectionSink | undefined)[] = [];
  readonly #expected: Set<number> = new Set();
  #receiving = false;

  /** Make it first thing in the process: the inherited descriptors are close-on-exec from here on. */
  constructor(binding: HandoffBinding, { slot, workerIndex, channel, memory }: WorkerInboxSettings) {
    binding.closeOnExec(channel);
    binding.closeOnExec(memory);
    const descriptors = new Int32Array(batchMax);
    const listeners = new Uint8Array(batchMax);
    const peers = new Uint8Array(batchMax * peerBytes);
    this.#workerIndex = workerIndex;
    this.#channel = channel;
    this.#memory = SharedMemory.map(binding, memory);
    const pass = (fd: number, to: number, client?: ProxiedClient) => {
      const sink = this.#sinks[to];
      if (sink) sink.takeDescriptor(fd, client);
      else binding.close(fd);
    };
    this.#inbox = new binding.Inbox(
      { sharedMemory: memory, workerIndex, slot, descriptors, listeners, peers },
      (count, proxied) => {
        if (count === 1 && !proxied) {
          pass(descriptors[0] as number, listeners[0] as number);
          return;
        }
        // An sink may call back: what was delivered is read first. By hand: Array.from would take longer than all the rest.
        const batch: Parameters<typeof pass>[] = [];
        for (let i = 0; i < count; i++) {
          const client = proxied ? clientIn(peers, i * peerBytes) : undefined;
          batch.push([descriptors[i] as number, listeners[i] as number, client]);
        }
        for (const [fd, to, client] of batch) pass(fd, to, client);
      },
    );
  }

  /** Takes what comes through the slot's channel. Until the process is seated that is its predecessor's: call it then. */
  receive(): void {
    if (this.#receiving) return;
    this.#receiving = true;
    this.#inbox.receive(this.#channel);
    for (const listener of this.#expected) this.#inbox.expect(listener, true);
  }

  /** From now on the listener's connections reach `sink`. */
  open(listener: number, sink: ConnectionSink): void {
    this.#sinks[listener] = sink;
    this.#expected.add(listener);
    this.#inbox.expect(listener, true);
  }

  /** Accepts from a duplicate of the listening socket, too. */
  accept(listener: number, fd: number): void {
    this.#inbox.accept(listener, fd);
  }

  /** With `drain`, what waits in the kernel's queue comes first. */
  stopAccepting(listener: number, drain = false): void {
    this.#inbox.stopAccepting(listener, drain);
  }

  /** Takes nothing new for the listener; what is still in the channel goes back to the primary. */
  close(listener: number): void {
    this.#inbox.stopAccepting(listener, false);
    this.#expected.delete(listener);
    this.#inbox.expect(listener, false);
  }

  /** A connection that an sink was given is closed. */
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
