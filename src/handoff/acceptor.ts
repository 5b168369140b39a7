import type { BusiestCount, HandoffBinding, NativeAcceptor } from '../binding/handoff-binding.js';
import { SharedMemory } from '../binding/shared-memory.js';
import type { CompiledChain } from '../binding/typescript/head-calls.js';
import type { ListenAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import { AcceptorCounters, type AcceptorCounts } from './acceptor-counters.js';
import type { WorkerEndpoint } from './contract.js';
import type { ListeningSockets } from './listening-sockets.js';

/** The settings of the acceptor thread, the same for all listeners. */
export interface AcceptorSettings {
  readonly queueMax: number;
  readonly spreadEvenly: boolean;
  readonly maxLoad: number;
  readonly headTimeoutMs: number;
  readonly pendingMax: number;
  readonly pendingPerAddressMax: number;
}

/** One listener of the acceptor. */
export interface AcceptorListener {
  /** The router's number for the listener, 0 to 254. */
  readonly listener: number;
  /** The name of the listener's sockets in an upgrade. */
  readonly key: string;
  readonly address: ListenAddress;
  /** The rules that place its connections. If undefined, connections are placed by their address. */
  readonly chain?: CompiledChain | undefined;
}

/**
 * The acceptor thread, a channel to each slot, and the shared memory. All `kernel` and `fd` listeners of a router share them. The worker
 * of a slot inherits both descriptors of {@link inheritedDescriptors}.
 */
export class Acceptor {
  readonly binding: HandoffBinding;
  readonly memory: SharedMemory;
  readonly thread: NativeAcceptor;
  readonly sockets: ListeningSockets;
  readonly #counters: AcceptorCounters;
  /** The attached worker, by slot and listener. */
  readonly #endpoints: Map<string, WorkerEndpoint> = new Map();
  /** By listener: ends the wait of `close`. */
  readonly #closing: Map<number, () => void> = new Map();
  #homes: Uint16Array = new Uint16Array(0);

  /** Throws the system's error if it refuses the memory or the thread. */
  constructor(
    binding: HandoffBinding,
    ring: SlotRing,
    settings: AcceptorSettings,
    sockets: ListeningSockets,
  ) {
    this.binding = binding;
    this.sockets = sockets;
    this.memory = SharedMemory.create(binding);
    this.#counters = new AcceptorCounters(this.memory);
    const { key, ipv6Prefix } = ring;
    this.thread = new binding.Acceptor({ sharedMemory: this.memory.fd, key, ipv6Prefix, ...settings }, () =>
      this.#resolveEmptied(),
    );
    this.updateRing(ring);
  }

  /** The descriptors that a worker of the slot inherits: its end of the slot's channel, then the shared memory. The acceptor owns them. */
  inheritedDescriptors(slot: number): readonly [channel: number, memory: number] {
    return [this.thread.channelEnd(slot), this.memory.fd];
  }

  /** Gives the ring to the thread and, if the homes have changed, to the workers. */
  updateRing(ring: SlotRing): void {
    const homes = ring.homeTable();
    const { key, ipv6Prefix } = ring;
    if (!isSameTable(homes, this.#homes)) this.memory.publishRing({ key, ipv6Prefix, homes });
    this.#homes = homes;
    this.thread.updateRing(ring.live === 0 ? homes : ring.ownerTable(), homes);
  }

  /** The worker takes the connections of the listener that come through its slot's channel. */
  attach(endpoint: WorkerEndpoint, listener: number): void {
    this.#counters.attach(endpoint);
    this.#endpoints.set(`${endpoint.slot}/${listener}`, endpoint);
    this.thread.attach(endpoint.slot, listener, endpoint.workerIndex);
  }

  /** Undoes `attach`; `gone`: the worker has exited. False if the worker was not attached, because another one has followed it. */
  detach(endpoint: WorkerEndpoint, listener: number, gone: boolean): boolean {
    const key = `${endpoint.slot}/${listener}`;
    const isAttached = this.#endpoints.get(key) === endpoint;
    if (isAttached) {
      this.#endpoints.delete(key);
      this.thread.detach(endpoint.slot, listener);
    }
    if (gone) this.#counters.addExited(endpoint);
    return isAttached;
  }

  /** How many connections the busiest client made, of those that were placed by their address: in the acceptor, and in each worker. */
  *busiest(): Generator<readonly [place: string, count: BusiestCount]> {
    yield ['acceptor', this.thread.busiest()];
    yield* this.#counters.busiest();
  }

  counts(slot: number): AcceptorCounts {
    return this.#counters.of(slot);
  }

  /** Connections that are open in the worker; undefined if no attached worker has the index. */
  openIn(workerIndex: number): number | undefined {
    return this.#counters.openIn(workerIndex);
  }

  /**
   * Accepts what waits in the kernel for the listener, then closes the listener's sockets. Resolves when workers have taken all its
   * connections, or after `timeoutMs`. The result is the number of connections that were then closed unserved.
   */
  async close(listener: number, timeoutMs: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const emptied = new Promise<void>((resolve) => {
      this.#closing.set(listener, resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    this.thread.closeListener(listener);
    this.#resolveEmptied();
    await emptied;
    clearTimeout(timer);
    this.#closing.delete(listener);
    return this.thread.closeQueued(listener);
  }

  /** Ends the thread, and closes the channels and the descriptor of the shared memory. The counters can still be read. */
  stop(): void {
    this.thread.stop();
    this.memory.close();
  }

  #resolveEmptied(): void {
    for (const [listener, resolve] of this.#closing) if (this.thread.isEmpty(listener)) resolve();
  }
}

export function isSameTable(a: Uint16Array, b: Uint16Array): boolean {
  return a.length === b.length && a.every((slot, bucket) => slot === b[bucket]);
}
