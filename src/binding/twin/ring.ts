/**
 * The ring: a table of buckets, each owned by a slot.
 *
 * *Homes* are built by stealing. The first slot owns every bucket. Each slot that joins takes its quota from the
 * others, so that every slot ends within one bucket of `buckets * weight / all weights`, and only the new one gains.
 * Which slot rounds up is decided by earliest deadline first: of all slots that hold more than their quota, the one
 * that would first have to give a bucket up as more slots join gives it up now, the new one first among equals
 * (so that with equal weights it takes ⌊buckets / slots⌋). This never fails: were more buckets due than the new
 * slot may take, then since the last time that a bucket was given up which is not due yet, the slots that were
 * there owe no more than their quotas shrank, and the new ones hold no less than theirs.
 *
 * *Owners* serve: a bucket's home while that is up; else the live slot that ranks highest for the bucket
 * (rendezvous), whatever else is down and in whatever order it went.
 */
import { hashWords } from './hash.js';

/** The owner of a bucket when no slot is live. */
export const NO_SLOT = 0xffff;

/** Two hashes of (bucket, slot), told apart by their key: which buckets a slot steals, and how it ranks for them. */
const STEAL = 1;
const RANK = 2;

const TWO_OVER_LN2 = 2.8853900817779268;

/** The homes of `buckets` buckets for slots of these weights, as if they had joined in order. */
export function buildHomes(weights: Float64Array, buckets: number): Uint16Array {
  const homes = new Uint16Array(buckets);
  for (let slot = 1; slot < weights.length; slot++) changeHomes(homes, weights.subarray(0, slot + 1), slot);
  return homes;
}

/**
 * Rewrites `homes` after one slot joined (its weight is there, and it owns nothing) or left (its weight is 0).
 * Who joins takes its quota and nobody else gains; who leaves gives its buckets to the others, each to the
 * highest in rendezvous order that is short of its quota, so that what its fallback served mostly stays there.
 */
export function changeHomes(homes: Uint16Array, weights: Float64Array, changed: number): void {
  const spare = countHomes(homes, weights.length);
  const targets = shares(spare, weights, homes.length, changed);
  for (let slot = 0; slot < weights.length; slot++)
    spare[slot] = (spare[slot] as number) - (targets[slot] as number);
  const takers: number[] = [];
  for (let slot = 0; slot < weights.length; slot++) if ((spare[slot] as number) < 0) takers.push(slot);
  for (const bucket of stealingOrder(homes, spare, changed)) {
    const home = homes[bucket] as number;
    if ((spare[home] as number) <= 0) continue;
    const taker = highest(bucket, weights, takers, spare);
    spare[home] = (spare[home] as number) - 1;
    spare[taker] = (spare[taker] as number) + 1;
    homes[bucket] = taker;
  }
}

/** How many buckets each of `slots` slots owns. */
export function countHomes(homes: Uint16Array, slots: number): Int32Array {
  const counts = new Int32Array(slots);
  for (const home of homes) counts[home] = (counts[home] as number) + 1;
  return counts;
}

/** How many buckets each slot should own, given how many it owns: as few moves as a balance within one bucket allows. */
function shares(counts: Int32Array, weights: Float64Array, buckets: number, changed: number): Int32Array {
  let all = 0;
  for (const weight of weights) all += weight;
  const targets = new Int32Array(weights.length);
  let excess = -buckets;
  for (let slot = 0; slot < weights.length; slot++) {
    const quota = quotaOf(weights[slot] as number, all, buckets);
    const held = slot === changed ? buckets : (counts[slot] as number);
    targets[slot] = Math.min(Math.max(held, Math.floor(quota)), Math.ceil(quota));
    excess += targets[slot] as number;
  }
  for (const step = Math.sign(excess); excess !== 0; excess -= step) {
    let best = -1;
    let soonest = Number.POSITIVE_INFINITY;
    for (let i = -1; i < weights.length; i++) {
      const slot = i < 0 ? changed : i;
      const weight = weights[slot] as number;
      const quota = quotaOf(weight, all, buckets);
      const over = ((targets[slot] as number) - quota) * step;
      if (over <= 0) continue;
      const deadline = (1 - over) / weight;
      if (deadline < soonest) {
        soonest = deadline;
        best = slot;
      }
    }
    targets[best] = (targets[best] as number) - step;
  }
  return targets;
}

/** A quota that rounding put beside a whole number is that number. */
function quotaOf(weight: number, all: number, buckets: number): number {
  const quota = (buckets * weight) / all;
  const whole = Math.round(quota);
  return Math.abs(quota - whole) < 1e-9 * quota ? whole : quota;
}

/** The buckets of slots with something to spare, in the order in which `changed` steals (or leaves) them. */
function stealingOrder(homes: Uint16Array, spare: Int32Array, changed: number): number[] {
  const order: number[] = [];
  for (let bucket = 0; bucket < homes.length; bucket++) {
    if ((spare[homes[bucket] as number] as number) > 0) {
      order.push(hashWords(STEAL, 0, bucket, changed) * 0x10000 + bucket);
    }
  }
  order.sort((a, b) => a - b);
  for (let i = 0; i < order.length; i++) order[i] = (order[i] as number) % 0x10000;
  return order;
}

function highest(bucket: number, weights: Float64Array, takers: number[], spare: Int32Array): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const slot of takers) {
    if ((spare[slot] as number) >= 0) continue;
    const distance = distanceOf(bucket, slot, weights[slot] as number);
    if (distance < least) {
      least = distance;
      best = slot;
    }
  }
  return best;
}

/**
 * How far `slot` is from `bucket`: the nearest live slot serves. The hash becomes a uniform number, that an
 * exponentially distributed one (-log2, by the first terms of the series of artanh: every engine must compute the
 * same bits, and the libraries' logarithms do not), and that is divided by the weight: a slot of twice the weight
 * is the nearer one twice as often.
 */
export function distanceOf(bucket: number, slot: number, weight: number): number {
  const uniform = (hashWords(RANK, 0, bucket, slot) | 1) >>> 0;
  const exponent = 31 - Math.clz32(uniform);
  const mantissa = uniform / ((1 << exponent) >>> 0);
  const z = (mantissa - 1) / (mantissa + 1);
  const zz = z * z;
  const series = 1 + zz * (1 / 3 + zz * (1 / 5 + zz * (1 / 7 + zz * (1 / 9))));
  return (32 - exponent - TWO_OVER_LN2 * z * series) / weight;
}

/** Writes to `owners` who serves each bucket; `down[slot]` is 1 for a slot that is not live, weight 0 a seat that is empty. */
export function assignOwners(
  homes: Uint16Array,
  weights: Float64Array,
  down: Uint8Array,
  owners: Uint16Array,
): void {
  for (let bucket = 0; bucket < homes.length; bucket++) {
    const home = homes[bucket] as number;
    owners[bucket] = down[home] === 0 ? home : nearestLive(bucket, weights, down);
  }
}

function nearestLive(bucket: number, weights: Float64Array, down: Uint8Array): number {
  let best = NO_SLOT;
  let least = Number.POSITIVE_INFINITY;
  for (let slot = 0; slot < weights.length; slot++) {
    const weight = weights[slot] as number;
    if (weight === 0 || down[slot] !== 0) continue;
    const distance = distanceOf(bucket, slot, weight);
    if (distance < least) {
      least = distance;
      best = slot;
    }
  }
  return best;
}
