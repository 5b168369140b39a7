/**
 * The ring: a table of buckets, each owned by a slot.
 *
 * *Homes* are built by stealing. At first slot 0 has every bucket. Each slot that joins takes its quota from the others; the quota is
 * `buckets * weight / the sum of all weights`. The new slot asks for its quota, rounded up. For each bucket that it asks for, one slot gives
 * a bucket up. Only slots with more buckets than their quota give. Among them gives the slot that, as more slots join, would be the first
 * that has to (earliest deadline first). The new slot itself comes first among equals: with equal weights it takes ⌊buckets / slots⌋.
 *
 * After every join, every slot is within one bucket of its quota, and only the new slot has gained. Proof: a bucket is due if its slot must
 * give it up to come within one bucket of its quota. Suppose that at some join more buckets were due than were asked for. Look at the last
 * earlier join at which a bucket was given up that is not due even now. Every slot of that time that is due now was at or below its quota
 * then, so it owes no more than its quota has shrunk by since. Every slot that joined since asked for no less than its quota. The sum of all
 * quotas has not changed. So no more can be due than was asked for.
 *
 * *Owners* serve. The owner of a bucket is its home while the home is up, else the nearest slot that is up (rendezvous hashing). It does not
 * matter which other slots are down, or in what order they went down.
 */
import { hashWords } from './hash.js';

/** The owner of a bucket if no slot is up. */
const NO_SLOT = 0xffff;

/**
 * The keys of two hashes of a bucket and a slot. `TAKE` orders the buckets that a slot takes when it joins. `DISTANCE` says how near a slot is
 * to a bucket. `DISTANCE` was chosen among the keys below 3,000: none spreads the buckets of a dead slot more evenly, for 3 to 64 slots.
 */
const TAKE = 1;
const DISTANCE = 2832;

/** Quotas are quotients. A quota that differs from a whole number by at most this part of itself counts as that number. */
const ROUNDING = 1e-9;

/** The cost of a slot that cannot be chosen. */
const NEVER = Number.POSITIVE_INFINITY;

const TWO_OVER_LN2 = 2.8853900817779268;

/** The home of each bucket, for slots of these weights that joined in order. */
export function buildHomes(weights: Float64Array, buckets: number): Uint16Array {
  const homes = new Uint16Array(buckets);
  const held = [Array.from(homes.keys())];
  for (let slot = 1; slot < weights.length; slot++) {
    held.push([]);
    join(homes, held, weights.subarray(0, slot + 1), slot);
  }
  return homes;
}

/** Rewrites `homes` when `slot`, which has no bucket yet, joins. Only it gains buckets. The weight of an empty slot is 0. */
export function joinHomes(homes: Uint16Array, weights: Float64Array, slot: number): void {
  join(homes, bucketsOf(homes, weights.length), weights, slot);
}

/**
 * Rewrites `homes` when `slot`, whose weight is 0 now, leaves. Only its buckets move. Each bucket goes to the nearest slot that has less than
 * its quota. So most buckets that a fallback has served already stay with it.
 */
export function leaveHomes(homes: Uint16Array, weights: Float64Array, slot: number): void {
  const leaving = bucketsOf(homes, weights.length)[slot] as number[];
  const counts = countHomes(homes, weights.length);
  const wants = new Int32Array(weights.length);
  const bar = (homes.length * (1 - ROUNDING)) / sum(weights);
  for (let left = leaving.length; left > 0; left--) {
    const taker = least(weights, (i, weight) => {
      const count = counts[i] as number;
      return count < bar * weight ? (count + 1) / weight : NEVER;
    });
    counts[taker] = (counts[taker] as number) + 1;
    wants[taker] = (wants[taker] as number) + 1;
  }
  for (const bucket of leaving) {
    const taker = least(weights, (i, weight) =>
      (wants[i] as number) > 0 ? distanceOf(bucket, i, weight) : NEVER,
    );
    wants[taker] = (wants[taker] as number) - 1;
    homes[bucket] = taker;
  }
}

/** For each slot, the number of buckets that it is home to. */
export function countHomes(homes: Uint16Array, slots: number): Int32Array {
  const counts = new Int32Array(slots);
  for (const home of homes) counts[home] = (counts[home] as number) + 1;
  return counts;
}

/** Writes to `owners` the slot that serves each bucket while the slots with `down[slot]` = 1 are down. */
export function assignOwners(
  homes: Uint16Array,
  weights: Float64Array,
  down: Uint8Array,
  owners: Uint16Array,
): void {
  for (let bucket = 0; bucket < homes.length; bucket++) {
    const home = homes[bucket] as number;
    const nearest = (): number =>
      least(weights, (i, weight) => (down[i] === 0 ? distanceOf(bucket, i, weight) : NEVER));
    owners[bucket] = down[home] === 0 ? home : nearest();
  }
}

/**
 * The distance of `slot` from `bucket`: the nearest slot that is up serves. The hash gives a uniform number. Its -log2 is exponentially
 * distributed, and is divided by the weight, so that a slot of twice the weight is the nearer one twice as often. -log2 is computed by the
 * first terms of the series of artanh: all engines must compute the same bits, and the logarithms of the libraries differ.
 */
export function distanceOf(bucket: number, slot: number, weight: number): number {
  const uniform = (hashWords(DISTANCE, 0, bucket, slot) | 1) >>> 0;
  const exponent = 31 - Math.clz32(uniform);
  const mantissa = uniform / ((1 << exponent) >>> 0);
  const z = (mantissa - 1) / (mantissa + 1);
  const zz = z * z;
  const series = 1 + zz * (1 / 3 + zz * (1 / 5 + zz * (1 / 7 + zz * (1 / 9))));
  return (32 - exponent - TWO_OVER_LN2 * z * series) / weight;
}

function join(homes: Uint16Array, held: number[][], weights: Float64Array, slot: number): void {
  const counts = Int32Array.from(held, (buckets) => buckets.length);
  const quota = homes.length / sum(weights);
  const bar = quota * (1 + ROUNDING);
  const asked = Math.ceil(quota * (weights[slot] as number) * (1 - ROUNDING));
  counts[slot] = asked;
  for (let left = asked; left > 0; left--) {
    const cost = (i: number, weight: number): number => {
      const count = counts[i] as number;
      return count > bar * weight ? (1 - count) / weight : NEVER;
    };
    const giver = least(weights, cost, slot);
    counts[giver] = (counts[giver] as number) - 1;
  }
  for (let i = 0; i < held.length; i++) {
    if (i !== slot) give(held, i, (held[i] as number[]).length - (counts[i] as number), slot);
  }
  for (const bucket of held[slot] as number[]) homes[bucket] = slot;
}

/** Moves `count` buckets of the slot `from` to `slot`: those whose `TAKE` hashes for `slot` are the lowest. */
function give(held: number[][], from: number, count: number, slot: number): void {
  if (count === 0) return;
  const order = Float64Array.from(
    held[from] as number[],
    (bucket) => hashWords(TAKE, 0, bucket, slot) * 0x10000 + bucket,
  );
  const buckets = Array.from(order.sort(), (entry) => entry % 0x10000);
  held[from] = buckets.splice(count);
  for (const bucket of buckets) (held[slot] as number[]).push(bucket);
}

function bucketsOf(homes: Uint16Array, slots: number): number[][] {
  const held = Array.from({ length: slots }, (): number[] => []);
  homes.forEach((home, bucket) => {
    held[home]?.push(bucket);
  });
  return held;
}

/** The slot with the lowest cost. Among equals, `first` comes before all others, then the lower number. If every cost is infinite, `first`. */
function least(
  weights: Float64Array,
  cost: (slot: number, weight: number) => number,
  first: number = NO_SLOT,
): number {
  let best = first;
  let lowest = first === NO_SLOT ? NEVER : cost(first, weights[first] as number);
  for (let slot = 0; slot < weights.length; slot++) {
    const weight = weights[slot] as number;
    const slotCost = weight === 0 ? NEVER : cost(slot, weight);
    if (slotCost < lowest) {
      lowest = slotCost;
      best = slot;
    }
  }
  return best;
}

function sum(weights: Float64Array): number {
  return weights.reduce((all, weight) => all + weight, 0);
}
