import { sharedMemoryLayout } from '../binding/shared-memory.js';

/** A histogram: how long connections took from being placed by the primary to being taken by a worker. */
export interface Latencies {
  /** The count of connections for each of {@link latencyBoundsMs}: at most that long, and longer than the bound before. The last count has no bound. */
  readonly counts: number[];
  /** The sum of all latencies, in ms. */
  sumMs: number;
}

export const latencyBoundsMs: readonly number[] = sharedMemoryLayout.latencyBoundsUs.map((us) => us / 1000);

export function noLatencies(): Latencies {
  return { counts: Array.from({ length: latencyBoundsMs.length + 1 }, () => 0), sumMs: 0 };
}

export function countLatency(into: Latencies, ms: number): void {
  const within = latencyBoundsMs.findIndex((bound) => ms <= bound);
  const at = within === -1 ? latencyBoundsMs.length : within;
  into.counts[at] = (into.counts[at] as number) + 1;
  into.sumMs += ms;
}

export function addLatencies(into: Latencies, more: Readonly<Latencies>): void {
  more.counts.forEach((count, at) => {
    into.counts[at] = (into.counts[at] as number) + count;
  });
  into.sumMs += more.sumMs;
}
