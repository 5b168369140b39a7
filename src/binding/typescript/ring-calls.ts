/** What native/node_api/ring.cc exports, and the same in TypeScript: same calls, same answers, bit for bit. */
import {
  bytesOfKey,
  type ClientKey,
  type Ipv6Prefix,
  keyOfIpv4,
  keyOfIpv6,
  keyOfText,
} from './client-key.js';
import { hash32, hashKey, hashWords } from './hash.js';
import { assignOwners, buildHomes, joinHomes, leaveHomes } from './ring.js';

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
  /** Rewrites `homes` after `slot`, which owns nothing yet, joined. Only it gains. An empty seat has weight 0. */
  joinHomes(homes: Uint16Array, weights: Float64Array, slot: number): void;
  /** Rewrites `homes` after `slot`, whose weight is 0 now, left. Only its buckets move. */
  leaveHomes(homes: Uint16Array, weights: Float64Array, slot: number): void;
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

export const typescriptRing: RingBinding = {
  hash32: (key, bytes) => hash32(hashKey(key), bytes),
  addressKey(address, ipv6Prefix) {
    const key = keyOfText(address, ipv6Prefix);
    return key && bytesOfKey(key);
  },
  buildHomes,
  joinHomes,
  leaveHomes,
  assignOwners,
  ownersOfIpv4(key, owners, addresses, out) {
    const ownerOf = lookup(key, owners);
    for (let i = 0; i < addresses.length; i++) out[i] = ownerOf(keyOfIpv4(addresses[i] as number));
  },
  ownersOfIpv6(key, owners, ipv6Prefix, addresses, out) {
    const ownerOf = lookup(key, owners);
    for (let i = 0; i < addresses.length / 16; i++)
      out[i] = ownerOf(keyOfIpv6(addresses, i * 16, ipv6Prefix));
  },
};

function lookup(key: Uint8Array, owners: Uint16Array): (client: ClientKey) => number {
  const { k0, k1 } = hashKey(key);
  const shift = 32 - Math.log2(owners.length);
  return ({ w0, w1 }) => owners[hashWords(k0, k1, w0, w1) >>> shift] as number;
}
