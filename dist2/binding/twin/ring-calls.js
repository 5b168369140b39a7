/** What native/node_api/ring.cc exports, and the same in TypeScript: same calls, same answers, bit for bit. */
import { bytesOfKey, keyOfIpv4, keyOfIpv6, keyOfText, } from './client-key.js';
import { hash32, hashKey, hashWords } from './hash.js';
import { assignOwners, buildHomes, joinHomes, leaveHomes } from './ring.js';
export const twinRing = {
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
        for (let i = 0; i < addresses.length; i++)
            out[i] = ownerOf(keyOfIpv4(addresses[i]));
    },
    ownersOfIpv6(key, owners, ipv6Prefix, addresses, out) {
        const ownerOf = lookup(key, owners);
        for (let i = 0; i < addresses.length / 16; i++)
            out[i] = ownerOf(keyOfIpv6(addresses, i * 16, ipv6Prefix));
    },
};
function lookup(key, owners) {
    const { k0, k1 } = hashKey(key);
    const shift = 32 - Math.log2(owners.length);
    return ({ w0, w1 }) => owners[hashWords(k0, k1, w0, w1) >>> shift];
}
