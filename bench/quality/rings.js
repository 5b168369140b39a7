import { createHash } from 'node:crypto';
import { hash32 } from '../../dist/ring/index.js';

/**
 * The algorithms that limpet's ring is compared with. Each is written in the least code that follows its description.
 * An algorithm gets `nodes`, which are names in the order of joining. It returns a function that maps a client's 32-bit hash to a node.
 * All algorithms get the same hashes, so that the comparison does not depend on the hash function.
 *
 * @typedef {(nodes: string[]) => (hash: number) => number} Sharing returns an index into nodes
 */

const key = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const hashOf = (text) => hash32(key, Buffer.from(text));

/** hash mod N. */
export const modulo = (nodes) => (hash) => hash % nodes.length;

/** Ketama (libketama, 2007): 160 points a node from the MD5 of "name-i", four points from each digest. The next point owns the hash. */
export const ketama = (nodes) => {
  const points = nodes.flatMap((name, node) =>
    Array.from({ length: 40 }, (_, i) => createHash('md5').update(`${name}-${i}`).digest()).flatMap(
      (digest) => [0, 4, 8, 12].map((at) => ({ point: digest.readUInt32LE(at), node })),
    ),
  );
  points.sort((a, b) => a.point - b.point);
  const at = Uint32Array.from(points, ({ point }) => point);
  return (hash) => {
    let low = 0;
    let high = at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (at[middle] < hash) low = middle + 1;
      else high = middle;
    }
    return points[low % points.length].node;
  };
};

/** Maglev (Eisenbud and others, NSDI 2016, section 3.4), with a table of 65,537 entries. */
export const maglev = (nodes) => {
  const size = 65_537;
  const table = new Int32Array(size).fill(-1);
  const walks = nodes.map((name) => ({
    next: hashOf(`${name} offset`) % size,
    skip: (hashOf(`${name} skip`) % (size - 1)) + 1,
  }));
  for (let filled = 0; filled < size; ) {
    for (let node = 0; node < nodes.length && filled < size; node++) {
      const walk = walks[node];
      while (table[walk.next] >= 0) walk.next = (walk.next + walk.skip) % size;
      table[walk.next] = node;
      filled += 1;
    }
  }
  return (hash) => table[hash % size];
};

/** Jump consistent hash (Lamping and Veach, 2014). Its 64-bit state starts with the 32-bit hash. */
export const jump = (nodes) => (hash) => {
  let state = BigInt(hash);
  let node = -1;
  let next = 0;
  while (next < nodes.length) {
    node = next;
    state = (state * 2862933555777941757n + 1n) & 0xffffffffffffffffn;
    next = Math.floor((node + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
  }
  return node;
};
