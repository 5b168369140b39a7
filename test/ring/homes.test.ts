import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindings, moves, randomNumbers, tally, worstImbalance } from './engines.ts';

/** Weights of several kinds: equal, whole, far apart, nearly equal, rising and falling. */
const weightsOf = (slots: number, kind: string): Float64Array => {
  const random = randomNumbers(slots);
  const one: Record<string, () => number> = {
    equal: () => 1,
    whole: () => 1 + Math.floor(random() * 5),
    fractions: () => 0.1 * (1 + Math.floor(random() * 30)),
    'far apart': () => 10 ** (random() * 6 - 3),
    'big and small': () => (random() < 0.5 ? 1 : 100),
    'nearly equal': () => (random() < 0.1 ? 1 : 0.01) * (1 + random() / 100),
  };
  const weights = Float64Array.from({ length: slots }, one[kind.replace(/, .*/, '')] as () => number);
  if (kind.endsWith('rising')) weights.sort();
  return kind.endsWith('falling') ? weights.sort().reverse() : weights;
};
const kinds = [
  'equal',
  ...['whole', 'fractions', 'far apart', 'big and small', 'nearly equal'].flatMap((kind) => [
    kind,
    `${kind}, rising`,
    `${kind}, falling`,
  ]),
];

describe.each(bindings)('homes, %s', (_, { buildHomes, joinHomes, leaveHomes }) => {
  test.each(kinds)(
    'from 1 to 256 slots with weights %s, every slot stays within one bucket of its quota and only the new one gains',
    (kind) => {
      const weights = weightsOf(256, kind);
      const homes = buildHomes(weights.subarray(0, 1), 1024);
      for (let slot = 1; slot < 256; slot++) {
        const before = homes.slice();
        const joined = weights.subarray(0, slot + 1);
        joinHomes(homes, joined, slot);
        expect(worstImbalance(homes, joined)).toBeLessThanOrEqual(1 + 1e-6);
        expect(moves(before, homes).every(({ to }) => to === slot)).toBe(true);
        if (slot % 85 === 0) expect(buildHomes(joined, 1024)).toEqual(homes);
      }
    },
  );

  test('with equal weights the new slot takes exactly its quota, rounded down', () => {
    for (const buckets of [64, 256, 1024, 4096]) {
      const homes = buildHomes(Float64Array.of(1), buckets);
      for (let slot = 1; slot < Math.min(buckets, 256); slot++) {
        joinHomes(homes, new Float64Array(slot + 1).fill(1), slot);
        expect(tally(homes, slot + 1)[slot]).toBe(Math.floor(buckets / (slot + 1)));
      }
    }
  });

  test('slots of any weights are balanced in any number of buckets', () => {
    const slots = fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(slots, fc.integer({ min: 6, max: 11 }), (some, bits) => {
        const weights = Float64Array.from(some);
        const homes = buildHomes(weights, 2 ** bits);
        expect(worstImbalance(homes, weights)).toBeLessThanOrEqual(1 + 1e-6);
        const fewer = buildHomes(weights.subarray(0, -1), 2 ** bits);
        if (some.length > 1) {
          expect(moves(fewer, homes).every(({ to }) => to === some.length - 1)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a slot that leaves moves only its own buckets, and a slot that takes its number gets a quota', () => {
    const random = randomNumbers(5);
    const weights = new Float64Array(24).fill(1);
    const homes = buildHomes(weights, 1024);
    for (let round = 0; round < 300; round++) {
      const slot = Math.floor(random() * 24);
      const members = weights.filter((weight) => weight > 0).length;
      const before = homes.slice();
      if (weights[slot] === 0) {
        weights[slot] = 1;
        joinHomes(homes, weights, slot);
        expect(moves(before, homes).every(({ to }) => to === slot)).toBe(true);
        expect(tally(homes, 24)[slot]).toBe(Math.floor(1024 / (members + 1)));
      } else if (members > 1) {
        weights[slot] = 0;
        leaveHomes(homes, weights, slot);
        expect(moves(before, homes).every(({ from }) => from === slot)).toBe(true);
        expect(tally(homes, 24)[slot]).toBe(0);
      }
      expect(worstImbalance(homes, weights)).toBeLessThanOrEqual(1);
    }
  });
});
