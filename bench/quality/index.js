import { hash32, Ring } from '../../dist/ring/index.js';
import { jump, ketama, maglev, modulo } from './rings.js';

/**
 * Measures how evenly each algorithm distributes clients over N nodes, and which clients it moves when a node joins, leaves or dies.
 *
 * @typedef {object} Quality shares of clients
 * @property {number} peak the clients of the fullest node, divided by the mean
 * @property {number} lowest the clients of the emptiest node, divided by the mean
 * @property {number} joinMoved the share of all clients that a new node moves. The least possible is `joinLeast`.
 * @property {number} joinLeast
 * @property {number} leaveMoved the share of all clients that a removed node moves. The least possible is the share of that node.
 * @property {number} leaveLeast
 * @property {number} deathOthers the share of the clients of living nodes that a death moves. The least possible is 0.
 * @property {number} deathPeak the clients of the fullest node, divided by the mean, while one node is dead
 * @property {number} returnMoved the share of all clients that are on another node when the dead node is back. The least possible is 0.
 */

const key = new Uint8Array(8);
const clientsInFull = 400_000;
const sizes = [3, 8, 16, 64];

/** Distinct IPv4 addresses that are spread like those of the internet, and not in order. */
const addressOf = (client) => (Math.imul(client + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;

const nodesOf = (count) => Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`);

/** Gives another algorithm the methods of limpet's ring. A death removes the node. Its return restores the old list. */
function stateless(sharing) {
  return (nodes, { hashes }) => {
    const shareOut = (current) => {
      const pick = sharing(current);
      return Array.from(hashes, (hash) => current[pick(hash)]);
    };
    const without = (gone) => nodes.filter((name) => name !== gone);
    return {
      now: () => shareOut(nodes),
      joined: (name) => shareOut([...nodes, name]),
      left: (name) => shareOut(without(name)),
      dead: (name) => shareOut(without(name)),
      back: () => shareOut(nodes),
    };
  };
}

function limpet(nodes, { addresses }) {
  const ring = new Ring(nodes, { key });
  const owners = (of = ring) => {
    const names = of.nodes;
    return Array.from(of.lookupMany(addresses), (index) => names[index]);
  };
  const after = (change) => {
    const other = new Ring(nodes, { key });
    change(other);
    return owners(other);
  };
  return {
    now: () => owners(),
    joined: (name) => after((other) => other.add(name)),
    left: (name) => after((other) => other.remove(name)),
    dead: (name) => {
      ring.down(name);
      return owners();
    },
    back: (name) => {
      ring.up(name);
      return owners();
    },
  };
}

const ways = {
  limpet,
  ketama: stateless(ketama),
  maglev: stateless(maglev),
  jump: stateless(jump),
  modulo: stateless(modulo),
};

/**
 * @param {import('../parts.js').Run} run
 * @returns {Promise<{ clients: number, sizes: Record<string, Record<string, Quality & { shares: number[] }>> }>}
 */
export async function measureQuality({ scale, say }) {
  const clients = Math.max(50_000, Math.round(clientsInFull * scale));
  const addresses = Uint32Array.from({ length: clients }, (_, client) => addressOf(client));
  const hashes = Uint32Array.from(addresses, (address) => hash32(key, clientKeyOf(address)));
  const results = {};
  for (const size of sizes) {
    results[size] = {};
    for (const [name, way] of Object.entries(ways)) {
      const quality = qualityOf(way, nodesOf(size), { addresses, hashes });
      results[size][name] = quality;
      say(
        `ring of ${size}, ${name.padEnd(7)} peak ${quality.peak.toFixed(3)}, join moves ${percent(quality.joinMoved)} ` +
          `(least ${percent(quality.joinLeast)}), a death moves ${percent(quality.deathOthers)} of the others`,
      );
    }
  }
  return { clients, sizes: results };
}

function qualityOf(way, nodes, clients) {
  const gone = nodes[nodes.length >> 1];
  const sharing = way(nodes, clients);
  const before = sharing.now();
  const left = sharing.left(gone);
  const dead = sharing.dead(gone);
  const living = nodes.filter((name) => name !== gone);
  const shares = sharesOf(before, nodes);
  const others = before.map((owner, client) => [owner, dead[client]]).filter(([owner]) => owner !== gone);
  return {
    shares,
    peak: Math.max(...shares),
    lowest: Math.min(...shares),
    joinMoved: moved(before, sharing.joined('10.0.1.1')),
    joinLeast: 1 / (nodes.length + 1),
    leaveMoved: moved(before, left),
    leaveLeast: before.filter((owner) => owner === gone).length / before.length,
    deathOthers: others.filter(([owner, now]) => owner !== now).length / others.length,
    deathPeak: Math.max(...sharesOf(dead, living)),
    returnMoved: moved(before, sharing.back(gone)),
  };
}

/** The clients of each node, divided by the mean. */
function sharesOf(owners, nodes) {
  const counts = new Map(nodes.map((name) => [name, 0]));
  for (const owner of owners) counts.set(owner, counts.get(owner) + 1);
  return nodes.map((name) => (counts.get(name) * nodes.length) / owners.length);
}

function moved(before, after) {
  let count = 0;
  for (let i = 0; i < before.length; i++) if (before[i] !== after[i]) count += 1;
  return count / before.length;
}

/** limpet's client key of an IPv4 address: the last eight bytes of its IPv4-mapped form. */
function clientKeyOf(address) {
  return Uint8Array.of(0, 0, 0xff, 0xff, address >>> 24, address >>> 16, address >>> 8, address);
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}
