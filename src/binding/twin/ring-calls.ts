/** What native/node_api/ring.cc exports, and the same in TypeScript: same calls, same answers, bit for bit. */
import {
  addressKey,
  addressKeyBytes,
  type Ipv6Prefix,
  readAddressKey,
  readAddressKeyBytes,
} from './client-key.js';
import { hash32, hashKey, hashWords } from './hash.js';
import { assignOwners, buildHomes, changeHomes } from './ring.js';

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

export const twinRing: RingBinding = {
  hash32: (key, bytes) => hash32(hashKey(key), bytes),
  addressKey: (address, ipv6Prefix) => (readAddressKey(address, ipv6Prefix) ? addressKeyBytes() : undefined),
  buildHomes,
  changeHomes,
  assignOwners,
  ownersOfIpv4(key, owners, addresses, out) {
    const { k0, k1 } = hashKey(key);
    const shift = 32 - Math.log2(owners.length);
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[i] as number;
      const w1 =
        (address >>> 24) | ((address >>> 8) & 0xff00) | ((address << 8) & 0xff0000) | (address << 24);
      out[i] = owners[hashWords(k0, k1, 0xffff0000 | 0, w1) >>> shift] as number;
    }
  },
  ownersOfIpv6(key, owners, ipv6Prefix, addresses, out) {
    const { k0, k1 } = hashKey(key);
    const shift = 32 - Math.log2(owners.length);
    for (let at = 0; at < addresses.length; at += 16) {
      readAddressKeyBytes(addresses, at, ipv6Prefix);
      out[at / 16] = owners[hashWords(k0, k1, addressKey.w0, addressKey.w1) >>> shift] as number;
    }
  },
};
