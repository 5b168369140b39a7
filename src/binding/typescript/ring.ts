/**
 * The ring: a table of buckets, each owned by a slot.
 *
 * *Homes* are built by stealing. The first slot owns every bucket; each slot that joins takes its quota,
 * `buckets * weight / all weights`, from the others. It asks for its quota rounded up, and for each bucket asked
 * for one slot gives one up: of those that hold more than their quota, the one that as more slots join would be the
 * first to have to (earliest deadline first); the new slot itself first among equals, so that with equal weights it
 * takes ⌊buckets / slots⌋. After every join every slot is within one bucket of its quota, and only the new one has
 * gained. For suppose that at some join more buckets were due than were asked for. Look back to the last join at
 * which a bucket was given up that is not due even now: every slot of that time that is due now was at or below its
 * quota then, so it owes no more than its quota has shrunk by since; those that joined since asked for no less than
 * their quotas; and all quotas together have not changed.
 *
 * *Owners* serve: a bucket's home while that is up; else the live slot that is nearest to the bucket (rendezvous),
 * whatever else is down and in whatever order it went.
 */
import { hashWords } from './hash.js';

/** The owner of a bucket when no slot is live. */
const NO_SLOT = 0xffff;

/**
 * Two hashes of a bucket and a slot, told apart by their key: what a slot takes when it joins, and how near it is.
 * The second was chosen: of the first 3,000 it spreads a dead slot's buckets as evenly as any, for 3 to 64 slots.
 */
const TAKE = 1;
const DISTANCE = 2832;

/** Quotas are quotients: what is this near to a whole number, of itself, is meant to be one. */
const ROUNDING = 1e-9;

/** The cost of what cannot be chosen. */
const NEVER = Number.POSITIVE_INFINITY;

const TWO_OVER_LN2 = 2.8853900817779268;

/** The homes of `buckets` buckets for slots of these weights, which joined in order. */
export function buildHomes(weights: Float64Array, buckets: number): Uint16Array {
  const homes = new Uint16Array(buckets);
  const held = [Array.from(homes.keys())];
  for (let slot = 1; slot < weights.length; slot++) {
    held.push([]);
    join(homes, held, weights.subarray(0, slot + 1), slot);
  }
  return homes;
}

/** Rewrites `homes` after `slot`, which owns nothing yet, joined. Only it gains. An empty seat has weight 0. */
export function joinHomes(homes: Uint16Array, weights: Float64Array, slot: number): void {
  join(homes, bucketsOf(homes, weights.length), weights, slot);
}

/**
 * Rewrites `homes` after `slot`, whose weight is 0 now, left. Only its buckets move: to slots short of their quotas,
 * each bucket to the nearest of them, so that most of what a fallback served already stays with it.
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

/** How many buckets each of `slots` slots is home to. */
export function countHomes(homes: Uint16Array, slots: number): Int32Array {
  const counts = new Int32Array(slots);
  for (const home of homes) counts[home] = (counts[home] as number) + 1;
  return counts;
}

/** Writes to `owners` who serves each bucket while the slots with `down[slot]` = 1 do not. */
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
 * How far `slot` is from `bucket`: the nearest live slot serves. The hash becomes a uniform number, that an
 * exponentially distributed one (-log2, by the first terms of the series of artanh: every engine must compute the
 * same bits, and the libraries' logarithms do not), and that is divided by the weight: a slot of twice the weight
 * is the nearer one twice as often.
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

/** Passes to `slot` those `count` of a slot's buckets whose hashes for it are lowest. */
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

/** The slot that costs least, the lower number among equals but `first` before all; `first` if all cost infinity. */
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
