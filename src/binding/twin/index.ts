/** The twin of native/node_api/ring.cc: what it exports, in TypeScript. */
import type { RingBinding } from '../ring-binding.js';
import { addressKey, addressKeyBytes, readAddressKey, readAddressKeyBytes } from './client-key.js';
import { hash32, hashKey, hashWords } from './hash.js';
import { assignOwners, buildHomes, changeHomes } from './ring.js';

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
