import { describe, test, vi } from 'vitest';
import { native } from '../../src/binding/native.ts';
import { type RingBinding, typescriptRing } from '../../src/binding/typescript/ring-calls.ts';
import type { Ring } from '../../src/ring/ring.ts';
import type { SlotRing } from '../../src/ring/slot-ring.ts';

/** The engines that this machine has, by name: the suite of each runs on all. */
export const bindings: [name: string, binding: RingBinding][] = [['twin', typescriptRing]];
const addon = native()?.ring as RingBinding | undefined;
if (addon) bindings.unshift(['native', addon]);

/** Runs `suite` with ring classes that stand on each engine; a missing one is left out, with its reason. */
export function describeEngines(
  suite: (classes: { Ring: typeof Ring; SlotRing: typeof SlotRing }) => void | Promise<void>,
): void {
  for (const kind of ['native', 'twin']) {
    describe(kind, async () => {
      if (kind === 'native' && !addon) {
        test('the native engine', ({ skip }) => skip('no native addon here: npm run build:native makes it'));
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

/** The bytes 0, 1, 2, … of a message of `size`. */
export const bytesUpTo = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i);

/** Numbers from 0 to 1, the same in every run (the Lehmer generator of Park and Miller). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** How many buckets of `table` each of `slots` slots has. */
export function tally(table: Uint16Array, slots: number): number[] {
  const counts = new Array<number>(slots).fill(0);
  for (const slot of table) counts[slot] = (counts[slot] ?? 0) + 1;
  return counts;
}

/** The most that a slot's buckets differ from its quota. */
export function worstImbalance(table: Uint16Array, weights: ArrayLike<number>): number {
  const all = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
  const counts = tally(table, weights.length);
  return Math.max(
    ...counts.map((count, slot) => Math.abs(count - (table.length * (weights[slot] ?? 0)) / all)),
  );
}

/** From which slot to which each bucket that differs went. */
export function moves(before: Uint16Array, after: Uint16Array): { from: number; to: number }[] {
  return Array.from(before, (from, bucket) => ({ from, to: after[bucket] as number })).filter(
    ({ from, to }) => from !== to,
  );
}
