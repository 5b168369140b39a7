/** The ring part of the addon, or its twin: the same calls, the same answers, bit for bit. */
import { native } from './native.js';
import type { Ipv6Prefix } from './twin/client-key.js';
import { twinRing } from './twin/index.js';

/**
 * Arguments are trusted: a key has 8 bytes, a table as many entries as there are buckets (a power of two, 64 to
 * 65,536), weights are finite and not negative, outputs are long enough. src/ring/ checks what users give.
 */
export interface RingBinding {
  /** HalfSipHash-1-3 of `bytes` under `key`. */
  hash32(key: Uint8Array, bytes: Uint8Array): number;
  /** The 8-byte client key of an address, or undefined when `address` is none. */
  addressKey(address: string, ipv6Prefix: Ipv6Prefix): Uint8Array | undefined;
  /** The home of each bucket, for slots of these weights that joined in order. */
  buildHomes(weights: Float64Array, buckets: number): Uint16Array;
  /** Rewrites `homes` after slot `changed` joined, or left (its weight is 0). */
  changeHomes(homes: Uint16Array, weights: Float64Array, changed: number): void;
  /** Writes to `owners` who serves each bucket while the slots with `down[slot]` = 1 do not; 65,535 for nobody. */
  assignOwners(homes: Uint16Array, weights: Float64Array, down: Uint8Array, owners: Uint16Array): void;
  /** Writes to `out` the owner of each IPv4 address, first octet most significant. */
  ownersOfIpv4(key: Uint8Array, owners: Uint16Array, addresses: Uint32Array, out: Uint16Array): void;
  /** Writes to `out` the owner of each 16-byte address. */
  ownersOfIpv6(
    key: Uint8Array,
    owners: Uint16Array,
    ipv6Prefix: Ipv6Prefix,
    addresses: Uint8Array,
    out: Uint16Array,
  ): void;
}

let binding: RingBinding | undefined;

/** The native ring where there is an addon, else its twin. Loads the addon at the first call. */
export function ringBinding(): RingBinding {
  binding ??= (native()?.ring as RingBinding | undefined) ?? twinRing;
  return binding;
}
