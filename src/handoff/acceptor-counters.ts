import type { BusiestCount } from '../binding/handoff-binding.js';
import type { SharedMemory } from '../binding/shared-memory.js';
import type { WorkerEndpoint } from './contract.js';
import { addLatencies, type Latencies, noLatencies } from './latencies.js';

/** The counters of a slot since the router started. They include the workers that have exited. */
export interface AcceptorCounts {
  /** Connections that the slot's workers have accepted or received. */
  accepted: number;
  /** Connections that are open in the slot's workers now. */
  open: number;
  /** Connections that the primary passed to the slot. */
  handed: number;
  /** Those of `handed` whose home is another slot. */
  diverted: number;
  /** Connections that wait in the primary for the slot. */
  queued: number;
  /** Connections that were closed unserved, by reason. Reasons that have not occurred are left out. */
  refused: Record<string, number>;
  /** Connections that the kernel sent to this slot although the ring says another. */
  missteered: number;
  /** Connections that were open in a worker when it died, or that it may have been about to accept. */
  lost: number;
  /** Times that a worker left connections waiting because it was short of descriptors. */
  starved: number;
  /** The latencies of `handed`. */
  latency: Latencies;
}

type SlotTotals = Pick<AcceptorCounts, 'accepted' | 'missteered' | 'lost' | 'starved' | 'latency'>;

/** Adds up what the acceptor and the workers count in the shared memory, and keeps the counters of workers that have exited. */
export class AcceptorCounters {
  readonly #memory: SharedMemory;
  /** The slot of each worker that writes counters, by its worker index. */
  readonly #slots: Map<number, number> = new Map();
  /** For each slot, the sums of the workers that have exited. */
  readonly #totals: Map<number, SlotTotals> = new Map();

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  attach({ slot, workerIndex }: WorkerEndpoint): void {
    this.#slots.set(workerIndex, slot);
  }

  /** The worker has exited: adds its counters to its slot's and clears its worker index for the next worker. A second call is a no-op. */
  addExited({ slot, workerIndex }: WorkerEndpoint): void {
    if (!this.#slots.delete(workerIndex)) return;
    const { accepted, closed, taking, missteered, starved } = this.#memory.worker(workerIndex);
    const totals = this.#totalsOf(slot);
    totals.accepted += accepted;
    totals.missteered += missteered;
    totals.starved += starved;
    totals.lost += accepted + taking - closed;
    addLatencies(totals.latency, this.#latencyOf(workerIndex));
    this.#memory.clearWorker(workerIndex);
  }

  of(slot: number): AcceptorCounts {
    const { handed, diverted, queued, queueFull, abandoned } = this.#memory.slot(slot);
    const totals = this.#totalsOf(slot);
    const latency = noLatencies();
    addLatencies(latency, totals.latency);
    const refused = {
      ...(queueFull > 0 && { 'queue full': queueFull }),
      ...(abandoned > 0 && { closing: abandoned }),
    };
    const counts = { ...totals, open: 0, handed, diverted, queued, refused, latency };
    for (const [workerIndex, at] of this.#slots) {
      if (at !== slot) continue;
      const { accepted, closed, missteered, starved } = this.#memory.worker(workerIndex);
      addLatencies(latency, this.#latencyOf(workerIndex));
      counts.accepted += accepted;
      counts.open += accepted - closed;
      counts.missteered += missteered;
      counts.starved += starved;
    }
    return counts;
  }

  /** Connections that are open in the worker; undefined if no attached worker has the index. */
  openIn(workerIndex: number): number | undefined {
    if (!this.#slots.has(workerIndex)) return undefined;
    const { accepted, closed } = this.#memory.worker(workerIndex);
    return accepted - closed;
  }

  /** For each worker, the connections that the kernel sent to it, and how many of them the busiest client made. */
  *busiest(): Generator<readonly [place: string, count: BusiestCount]> {
    for (const workerIndex of this.#slots.keys()) {
      const { steered, busiest } = this.#memory.worker(workerIndex);
      yield [`worker ${workerIndex}`, { seen: steered, count: busiest }];
    }
  }

  #latencyOf(workerIndex: number): Latencies {
    const { latency, latencyUs } = this.#memory.worker(workerIndex);
    return { counts: [...latency], sumMs: latencyUs / 1000 };
  }

  #totalsOf(slot: number): SlotTotals {
    const totals = this.#totals.get(slot) ?? {
      accepted: 0,
      missteered: 0,
      lost: 0,
      starved: 0,
      latency: noLatencies(),
    };
    this.#totals.set(slot, totals);
    return totals;
  }
}
