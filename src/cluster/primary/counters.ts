import { publish } from '../../diagnostics.js';
import { countLatency, type Latencies, noLatencies } from '../../handoff/latencies.js';
import type { SessionCacheCounts } from '../../metrics.js';
import type { WorkerVitals } from '../protocol.js';

export interface SlotCounters {
  /** Connections that were sent to the slot's processes. */
  handed: number;
  /** Connections among `handed` whose home is another slot. */
  diverted: number;
  /** Connections that were closed unserved, by reason. */
  refused: Record<string, number>;
  /** For the connections in `handed`: the time until a process took them. */
  latency: Latencies;
  /** The totals of the session caches in all processes that the slot has had. */
  sessionCache: SessionCacheCounts;
}

/** Adds two counts by reason. */
export function sumOf(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...one };
  for (const [reason, count] of Object.entries(other)) sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}

/** The primary's own counts since the router began: all connections over `ipc`, and the workers' session caches. */
export class Counters {
  readonly #slots: SlotCounters[] = [];
  /** Connections that were closed before a slot was chosen, by reason. */
  readonly rejectionsBeforeRouting: Record<string, number> = {};

  of(slot: number): SlotCounters {
    this.#slots[slot] ??= {
      handed: 0,
      diverted: 0,
      refused: {},
      latency: noLatencies(),
      sessionCache: { hits: 0, misses: 0, invalidations: 0 },
    };
    return this.#slots[slot];
  }

  rejectedBeforeRouting(reason: string): void {
    this.rejectionsBeforeRouting[reason] = (this.rejectionsBeforeRouting[reason] ?? 0) + 1;
    publish('limpet:unplaced', () => ({ reason }));
  }

  /** A connection was sent to `slot`. If that is not its home, it counts as diverted. */
  handed(slot: number, home: number): void {
    const counters = this.of(slot);
    counters.handed += 1;
    if (home === slot) return;
    counters.diverted += 1;
    publish('limpet:diverted', () => ({ slot: home, to: slot }));
  }

  /** A process of the slot has taken a connection. */
  taken(slot: number, latencyMs: number): void {
    countLatency(this.of(slot).latency, latencyMs);
  }

  /** Stores a worker's vitals. Adds what its session cache has counted since the last beat to the slot's totals, which outlive the process. */
  beat(
    worker: { readonly slot: number; vitals: WorkerVitals | undefined },
    { open, lagMs, rssBytes, sessionCache }: WorkerVitals,
  ): void {
    const total = this.of(worker.slot).sessionCache;
    const before = worker.vitals?.sessionCache;
    total.hits += sessionCache.hits - (before?.hits ?? 0);
    total.misses += sessionCache.misses - (before?.misses ?? 0);
    total.invalidations += sessionCache.invalidations - (before?.invalidations ?? 0);
    worker.vitals = { open, lagMs, rssBytes, sessionCache };
  }

  refused(slot: number, reason: string): void {
    const { refused } = this.of(slot);
    refused[reason] = (refused[reason] ?? 0) + 1;
    publish('limpet:refused', () => ({ slot, reason }));
  }
}
