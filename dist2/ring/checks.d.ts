/** What makes a ring, and the errors that say what does not. */
import type { Ipv6Prefix } from '../binding/twin/client-key.js';
import { type HashKey } from '../binding/twin/hash.js';
import { LimpetError } from '../errors.js';
/** The length of a hash key. */
export declare const KEY_BYTES = 8;
/** @throws LimpetError ERR_LIMPET_RING unless `key` is a Uint8Array of 8 bytes. */
export declare function checkKey(key: unknown): HashKey;
/** @throws LimpetError ERR_LIMPET_RING unless `bytes` is a Uint8Array. */
export declare function checkBytes(bytes: unknown): Uint8Array;
/** @throws LimpetError ERR_LIMPET_RING unless `buckets` is a power of two from 64 to 65,536. */
export declare function checkBuckets(buckets: number): number;
/** @throws LimpetError ERR_LIMPET_RING unless `ipv6Prefix` is one of four. */
export declare function checkIpv6Prefix(ipv6Prefix: Ipv6Prefix): Ipv6Prefix;
/** @throws LimpetError ERR_LIMPET_RING unless there are 1 to `max` slots, and a bucket for each. */
export declare function checkCount(count: number, max: number, buckets: number): number;
/** @throws LimpetError ERR_LIMPET_RING unless `weight` is a number from 0.000001 to 1,000,000. */
export declare function checkWeight(weight: number): number;
export declare function ringError(message: string, facts: Record<string, unknown>): LimpetError;
export declare function addressError(address: unknown): LimpetError;
/** A value as a message can show it: short, and on one line. */
export declare function shown(value: unknown): string;
