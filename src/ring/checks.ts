/** The checks of a ring's arguments, and the errors that they throw. */
import type { Ipv6Prefix } from '../binding/typescript/client-key.js';
import { type HashKey, hashKey } from '../binding/typescript/hash.js';
import { LimpetError } from '../errors.js';

/** The length of a hash key. */
export const KEY_BYTES = 8;

const BUCKETS_MIN = 64;
const BUCKETS_MAX = 65_536;

/** Between these weights, rounding errors move no quota by a bucket. */
const WEIGHT_MIN = 1e-6;
const WEIGHT_MAX = 1e6;

/** @throws LimpetError ERR_LIMPET_RING unless `key` is a Uint8Array of 8 bytes. */
export function checkKey(key: unknown): HashKey {
  if (key instanceof Uint8Array && key.length === KEY_BYTES) return hashKey(key);
  const received = key instanceof Uint8Array ? `has ${key.length} bytes` : `is of type ${typeof key}`;
  throw ringError(`the hash key ${received}; expected a Uint8Array of ${KEY_BYTES} bytes`, {
    bytes: KEY_BYTES,
  });
}

/** @throws LimpetError ERR_LIMPET_RING unless `bytes` is a Uint8Array. */
export function checkBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw ringError(`the bytes to hash are ${shown(bytes)}; expected a Uint8Array`, { bytes });
}

/** @throws LimpetError ERR_LIMPET_RING unless `buckets` is a power of two from 64 to 65,536. */
export function checkBuckets(buckets: number): number {
  const power = typeof buckets === 'number' && Number.isInteger(Math.log2(buckets));
  if (power && buckets >= BUCKETS_MIN && buckets <= BUCKETS_MAX) return buckets;
  throw ringError(`buckets is ${shown(buckets)}; expected a power of two from 64 to 65,536`, { buckets });
}

/** @throws LimpetError ERR_LIMPET_RING unless `ipv6Prefix` is 32, 48, 56 or 64. */
export function checkIpv6Prefix(ipv6Prefix: Ipv6Prefix): Ipv6Prefix {
  if ([32, 48, 56, 64].includes(ipv6Prefix)) return ipv6Prefix;
  throw ringError(`ipv6Prefix is ${shown(ipv6Prefix)}; expected 32, 48, 56 or 64`, { ipv6Prefix });
}

/** @throws LimpetError ERR_LIMPET_RING unless `count` is 1 to `max`, and at most `buckets`. */
export function checkCount(count: number, max: number, buckets: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= Math.min(max, buckets)) return count;
  const lacksBuckets = Number.isInteger(count) && count > buckets && count <= max;
  throw ringError(
    lacksBuckets
      ? `${count} members share ${buckets} buckets; expected a bucket for each at least: raise buckets`
      : `there are ${shown(count)} members; expected 1 to ${max}`,
    { members: count, max, buckets },
  );
}

/** @throws LimpetError ERR_LIMPET_RING unless `weight` is a number from 0.000001 to 1,000,000. */
export function checkWeight(weight: number): number {
  if (typeof weight === 'number' && weight >= WEIGHT_MIN && weight <= WEIGHT_MAX) return weight;
  const instead = weight === 0 ? ' (to leave a member out, do not list it, or take it down)' : '';
  throw ringError(`a weight is ${shown(weight)}; expected a number from 0.000001 to 1,000,000${instead}`, {
    weight,
  });
}

export function ringError(message: string, facts: Record<string, unknown>): LimpetError {
  return new LimpetError('ERR_LIMPET_RING', message, facts);
}

export function addressError(address: unknown): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_ADDRESS',
    `${shown(address)} is no IP address; ` +
      'expected IPv4 such as 203.0.113.7 or IPv6 such as 2001:db8::7, without port or brackets',
    { address },
  );
}

/** A value in the form for a message: short, and on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  return typeof value === 'object' && value !== null
    ? (value.constructor?.name ?? 'an object')
    : String(value);
}
