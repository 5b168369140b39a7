import { describe, test, vi } from 'vitest';
import { native } from '../../src/binding/native.ts';
import { type RingBinding, typescriptRing } from '../../src/binding/typescript/ring-calls.ts';
import type { Ring } from '../../src/ring/ring.ts';
import type { SlotRing } from '../../src/ring/slot-ring.ts';

/** The implementations that this machine has, with their names. */
export const bindings: [name: string, binding: RingBinding][] = [['TypeScript', typescriptRing]];
const addon = native()?.ring as RingBinding | undefined;
if (addon) bindings.unshift(['native', addon]);

/** Runs `suite` with the ring classes on each implementation. Without an addon, the native one is skipped with the reason. */
export function describeEngines(
  suite: (classes: { Ring: typeof Ring; SlotRing: typeof SlotRing }) => void | Promise<void>,
): void {
  for (const kind of ['native', 'twin']) {
    describe(kind === 'twin' ? 'TypeScript' : kind, async () => {
      if (kind === 'native' && !addon) {
        test('the native implementation', ({ skip }) =>
          skip('no native addon here: npm run build:native makes it'));
        return;
      }
      vi.stubEnv('LIMPET_BINDING', kind);
      vi.resetModules();
      const { Ring } = await import('../../src/ring/ring.ts');
      const { SlotRing } = await import('../../src/ring/slot-ring.ts');
      new SlotRing({ slots: 1, key: new Uint8Array(8) });
      vi.unstubAllEnvs();
      await suite({ Ring, SlotRing });
    });
  }
}

/** A message of `size` bytes: 0, 1, 2, … */
export const bytesUpTo = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i);

/** Random numbers from 0 to 1, the same in every run (the Lehmer generator of Park and Miller). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** For each slot, the number of its buckets in `table`. */
export function tally(table: Uint16Array, slots: number): number[] {
  const counts = new Array<number>(slots).fill(0);
  for (const slot of table) counts[slot] = (counts[slot] ?? 0) + 1;
  return counts;
}

/** The largest difference between a slot's buckets and its quota. */
export function worstImbalance(table: Uint16Array, weights: ArrayLike<number>): number {
  const all = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
  const counts = tally(table, weights.length);
  return Math.max(
    ...counts.map((count, slot) => Math.abs(count - (table.length * (weights[slot] ?? 0)) / all)),
  );
}

/** For each bucket that moved: the slot that had it before, and the slot that has it now. */
export function moves(before: Uint16Array, after: Uint16Array): { from: number; to: number }[] {
  return Array.from(before, (from, bucket) => ({ from, to: after[bucket] as number })).filter(
    ({ from, to }) => from !== to,
  );
}
