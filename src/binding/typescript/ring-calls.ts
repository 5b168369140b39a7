/** The calls of native/node_api/ring.cc, and their TypeScript implementation. The results are the same, bit for bit. */
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
 * Arguments are not checked; src/ring/ checks what users give. A key has 8 bytes. A table has one entry for each bucket: a power of two, 64 to
 * 65,536. Weights are finite and not negative. Outputs are long enough.
 */
export interface RingBinding {
  /** HalfSipHash-1-3 of `bytes` under `key`. */
  hash32(key: Uint8Array, bytes: Uint8Array): number;
  /** The client key of an address, 8 bytes; undefined if the text is not an address. */
  addressKey(address: string, ipv6Prefix: Ipv6Prefix): Uint8Array | undefined;
  /** The home of each bucket, for slots of these weights that joined in order. */
  buildHomes(weights: Float64Array, buckets: number): Uint16Array;
  /** Rewrites `homes` when `slot`, which has no bucket yet, joins. Only it gains buckets. The weight of an empty slot is 0. */
  joinHomes(homes: Uint16Array, weights: Float64Array, slot: number): void;
  /** Rewrites `homes` when `slot`, whose weight is 0 now, leaves. Only its buckets move. */
  leaveHomes(homes: Uint16Array, weights: Float64Array, slot: number): void;
  /** Writes to `owners` the slot that serves each bucket while the slots with `down[slot]` = 1 are down; 65,535 if all are down. */
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
