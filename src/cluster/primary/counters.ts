import { publish } from '../../diagnostics.js';
import { countLatency, type Latencies, noLatencies } from '../../handoff/latencies.js';
import type { SessionCacheCounts } from '../../metrics.js';
import type { WorkerVitals } from '../protocol.js';

export interface SlotCounters {
  /** Connections given to the slot's processes. */
  handed: number;
  /** Of those, how many came because their home was down. */
  diverted: number;
  /** Connections closed unserved, by reason. */
  refused: Record<string, number>;
  /** Of the connections given to the slot's processes. */
  latency: Latencies;
  /** What the slot's processes have had from their session caches, those that are gone included. */
  sessionCache: SessionCacheCounts;
}

/** Two counts by reason, as one. */
export function sumOf(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...one };
  for (const [reason, count] of Object.entries(other)) sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}

/** What the primary counts, for each slot, for as long as the router lives. */
export class Counters {
  readonly #slots: SlotCounters[] = [];
  /** Connections closed before they could be placed, by reason. */
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

  handed(slot: number, home: number): void {
    const counters = this.of(slot);
    counters.handed += 1;
    if (home === slot) return;
    counters.diverted += 1;
    publish('limpet:diverted', () => ({ slot: home, to: slot }));
  }

  taken(slot: number, latencyMs: number): void {
    countLatency(this.of(slot).latency, latencyMs);
  }

  /** Takes what the process says of itself; its session caches count for the slot, and are counted on after its end. */
  beat(
    worker: { readonly slot: number; vitals: WorkerVitals | undefined },
    { open, lagMs, rssBytes, sessionCache }: WorkerVitals,
  ): void {
    const kept = this.of(worker.slot).sessionCache;
    const before = worker.vitals?.sessionCache;
    kept.hits += sessionCache.hits - (before?.hits ?? 0);
    kept.misses += sessionCache.misses - (before?.misses ?? 0);
    kept.invalidations += sessionCache.invalidations - (before?.invalidations ?? 0);
    worker.vitals = { open, lagMs, rssBytes, sessionCache };
  }

  refused(slot: number, reason: string): void {
    const { refused } = this.of(slot);
    refused[reason] = (refused[reason] ?? 0) + 1;
    publish('limpet:refused', () => ({ slot, reason }));
  }
}
