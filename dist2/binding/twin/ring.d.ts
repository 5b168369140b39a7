/** The owner of a bucket when no slot is live. */
export declare const NO_SLOT = 65535;
/** The homes of `buckets` buckets for slots of these weights, which joined in order. */
export declare function buildHomes(weights: Float64Array, buckets: number): Uint16Array;
/** Rewrites `homes` after `slot`, which owns nothing yet, joined. Only it gains. An empty seat has weight 0. */
export declare function joinHomes(homes: Uint16Array, weights: Float64Array, slot: number): void;
/**
 * Rewrites `homes` after `slot`, whose weight is 0 now, left. Only its buckets move: to slots short of their quotas,
 * each bucket to the nearest of them, so that most of what a fallback served already stays with it.
 */
export declare function leaveHomes(homes: Uint16Array, weights: Float64Array, slot: number): void;
/** How many buckets each of `slots` slots is home to. */
export declare function countHomes(homes: Uint16Array, slots: number): Int32Array;
/** Writes to `owners` who serves each bucket while the slots with `down[slot]` = 1 do not. */
export declare function assignOwners(homes: Uint16Array, weights: Float64Array, down: Uint8Array, owners: Uint16Array): void;
/**
 * How far `slot` is from `bucket`: the nearest live slot serves. The hash becomes a uniform number, that an
 * exponentially distributed one (-log2, by the first terms of the series of artanh: every engine must compute the
 * same bits, and the libraries' logarithms do not), and that is divided by the weight: a slot of twice the weight
 * is the nearer one twice as often.
 */
export declare function distanceOf(bucket: number, slot: number, weight: number): number;
