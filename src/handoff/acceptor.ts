import type { BusiestCount, HandoffBinding, NativeAcceptor } from '../binding/handoff-binding.js';
import { SharedMemory } from '../binding/shared-memory.js';
import type { CompiledChain } from '../binding/typescript/head-calls.js';
import type { ListenAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { WorkerEndpoint } from './contract.js';
import { addLatencies, type Latencies, noLatencies } from './latencies.js';
import type { ListeningSockets } from './listening-sockets.js';

/** What was counted for a slot since the router began, processes that are gone included. */
export interface AcceptorCounts {
  /** Connections that its processes have had. */
  accepted: number;
  /** Connections that are open in them now. */
  open: number;
  /** Connections that the primary passed to the slot. */
  handed: number;
  /** Of those, at home in another slot. */
  diverted: number;
  /** Connections that wait in the primary for the slot. */
  queued: number;
  /** Connections closed unserved, by reason; reasons that never occurred are left out. */
  refused: Record<string, number>;
  /** Connections that the kernel placed here, although the ring would have chosen another slot. */
  missteered: number;
  /** Connections that were open, or in doubt, in a process when it died. */
  lost: number;
  /** Times that a process, short of descriptors, let connections wait. */
  starved: number;
  /** Of the connections that the primary passed to the slot. */
  latency: Latencies;
}

/** What the acceptor keeps to, for all listeners. */
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
  /** The router's number of it, 0 to 254. */
  readonly listener: number;
  /** What its sockets are called from one primary to the next. */
  readonly key: string;
  readonly address: ListenAddress;
  /** How its connections are placed; without, by their address. */
  readonly chain?: CompiledChain | undefined;
}

type SlotTotals = Pick<AcceptorCounts, 'accepted' | 'missteered' | 'lost' | 'starved' | 'latency'>;

/**
 * What all `kernel` and `fd` listeners of a router share: the acceptor thread, a channel to each slot, and the page.
 * A process of a slot inherits both descriptors of {@link inheritedDescriptors}.
 */
export class Acceptor {
  readonly binding: HandoffBinding;
  readonly memory: SharedMemory;
  readonly thread: NativeAcceptor;
  readonly sockets: ListeningSockets;
  readonly #workers: Map<number, number> = new Map();
  readonly #totals: Map<number, SlotTotals> = new Map();
  readonly #endpoints: Map<string, WorkerEndpoint> = new Map();
  readonly #closing: Map<number, () => void> = new Map();
  #homes: Uint16Array = new Uint16Array(0);

  /** Throws the system's error when memory or thread cannot be had. */
  constructor(
    binding: HandoffBinding,
    ring: SlotRing,
    settings: AcceptorSettings,
    sockets: ListeningSockets,
  ) {
    this.binding = binding;
    this.sockets = sockets;
    this.memory = SharedMemory.create(binding);
    const { key, ipv6Prefix } = ring;
    this.thread = new binding.Acceptor({ sharedMemory: this.memory.fd, key, ipv6Prefix, ...settings }, () =>
      this.#resolveEmptied(),
    );
    this.updateRing(ring);
  }

  /** The descriptors that a process of the slot inherits: its channel's end, then the page. They stay the acceptor's. */
  inheritedDescriptors(slot: number): readonly [channel: number, memory: number] {
    return [this.thread.channelEnd(slot), this.memory.fd];
  }

  /** Tells acceptor and memory the ring. */
  updateRing(ring: SlotRing): void {
    const homes = ring.homeTable();
    const { key, ipv6Prefix } = ring;
    if (!sameTable(homes, this.#homes)) this.memory.publishRing({ key, ipv6Prefix, homes });
    this.#homes = homes;
    this.thread.updateRing(ring.live === 0 ? homes : ring.ownerTable(), homes);
  }

  /** The process takes the listener's connections that come through the channel. */
  attach(endpoint: WorkerEndpoint, listener: number): void {
    this.#workers.set(endpoint.workerIndex, endpoint.slot);
    this.#endpoints.set(`${endpoint.slot}/${listener}`, endpoint);
    this.thread.attach(endpoint.slot, listener, endpoint.workerIndex);
  }

  /** It does no longer. False when it did not, since another had followed it. */
  detach(endpoint: WorkerEndpoint, listener: number, gone: boolean): boolean {
    const key = `${endpoint.slot}/${listener}`;
    const seated = this.#endpoints.get(key) === endpoint;
    if (seated) {
      this.#endpoints.delete(key);
      this.thread.detach(endpoint.slot, listener);
    }
    if (gone) this.#addToTotals(endpoint);
    return seated;
  }

  /** What the busiest client made of the connections that were placed by their address: at the acceptor, and in each process. */
  *busiest(): Generator<readonly [place: string, count: BusiestCount]> {
    yield ['acceptor', this.thread.busiest()];
    for (const workerIndex of this.#workers.keys()) {
      const { steered, busiest } = this.memory.worker(workerIndex);
      yield [`worker ${workerIndex}`, { seen: steered, count: busiest }];
    }
  }

  counts(slot: number): AcceptorCounts {
    const { handed, diverted, queued, queueFull, abandoned } = this.memory.slot(slot);
    const kept = this.#totalsOf(slot);
    const latency = noLatencies();
    addLatencies(latency, kept.latency);
    const refused = {
      ...(queueFull > 0 && { 'queue full': queueFull }),
      ...(abandoned > 0 && { closing: abandoned }),
    };
    const counts = { ...kept, open: 0, handed, diverted, queued, refused, latency };
    for (const [workerIndex, at] of this.#workers) {
      if (at !== slot) continue;
      const { accepted, closed, missteered, starved } = this.memory.worker(workerIndex);
      addLatencies(latency, this.#latencyOf(workerIndex));
      counts.accepted += accepted;
      counts.open += accepted - closed;
      counts.missteered += missteered;
      counts.starved += starved;
    }
    return counts;
  }

  /** Connections that are open in the process that writes `workerIndex`; undefined when none that is seated here does. */
  openIn(workerIndex: number): number | undefined {
    if (!this.#workers.has(workerIndex)) return undefined;
    const { accepted, closed } = this.memory.worker(workerIndex);
    return accepted - closed;
  }

  /**
   * Accepts what waits in the kernel for the listener, closes its sockets, and resolves when all was taken by workers, or after
   * `timeoutMs`, with the number of connections that were then closed unserved.
   */
  async close(listener: number, timeoutMs: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const settled = new Promise<void>((resolve) => {
      this.#closing.set(listener, resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    this.thread.closeListener(listener);
    this.#resolveEmptied();
    await settled;
    clearTimeout(timer);
    this.#closing.delete(listener);
    return this.thread.closeQueued(listener);
  }

  /** Ends the thread and closes channels and memory; what was counted can still be read. */
  stop(): void {
    this.thread.stop();
    this.memory.close();
  }

  /** What a process that is gone has counted is added to its slot's; its workerIndex is free again. */
  #addToTotals(endpoint: WorkerEndpoint): void {
    if (!this.#workers.delete(endpoint.workerIndex)) return;
    const { accepted, closed, taking, missteered, starved } = this.memory.worker(endpoint.workerIndex);
    const kept = this.#totalsOf(endpoint.slot);
    kept.accepted += accepted;
    kept.missteered += missteered;
    kept.starved += starved;
    kept.lost += accepted + taking - closed;
    addLatencies(kept.latency, this.#latencyOf(endpoint.workerIndex));
    this.memory.clearWorker(endpoint.workerIndex);
  }

  #latencyOf(workerIndex: number): Latencies {
    const { latency, latencyUs } = this.memory.worker(workerIndex);
    return { counts: [...latency], sumMs: latencyUs / 1000 };
  }

  #resolveEmptied(): void {
    for (const [listener, resolve] of this.#closing) if (this.thread.isEmpty(listener)) resolve();
  }

  #totalsOf(slot: number): SlotTotals {
    const kept = this.#totals.get(slot) ?? {
      accepted: 0,
      missteered: 0,
      lost: 0,
      starved: 0,
      latency: noLatencies(),
    };
    this.#totals.set(slot, kept);
    return kept;
  }
}

/** Whether two tables of the ring are the same. */
export function sameTable(a: Uint16Array, b: Uint16Array): boolean {
  return a.length === b.length && a.every((slot, bucket) => slot === b[bucket]);
}
