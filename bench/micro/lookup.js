/** Compares lookups in limpet's ring with other rings: eight nodes, and more clients than any cache holds. */
import ConsistentHash from 'consistent-hash';
import HashRing from 'hashring';
import { Ring } from '../../dist/ring/index.js';
import { stickySessionWorker } from './hash.js';
import { measure } from './measure.js';

const nodes = Array.from({ length: 8 }, (_, i) => `node-${i}`);
const clients = 65_536;
const addresses = Array.from({ length: clients }, (_, i) => `203.${i % 113}.${i >>> 8}.${i & 255}`);
const sixes = Array.from(
  { length: clients },
  (_, i) => `2001:db8:${(i >>> 3).toString(16)}:${(i & 7).toString(16)}::7`,
);
const names = Array.from({ length: clients }, (_, i) => `user:${i}`);

/** Calls with the next item of the list each time. */
function each(list, call) {
  let turn = 0;
  return () => {
    turn = (turn + 1) & (clients - 1);
    return call(list[turn]);
  };
}

/**
 * @param {import('../parts.js').Run} run
 * @returns {import('./measure.js').Row[]}
 */
export function measureLookups(run) {
  const ring = new Ring(nodes);
  const hashring = new HashRing(nodes);
  const consistent = new ConsistentHash();
  for (const node of nodes) consistent.add(node);
  return [
    ...measure(run, 'an IPv4 address to a node', {
      'limpet, 203.0.113.7 only': () => ring.lookupAddress('203.0.113.7'),
      limpet: each(addresses, (address) => ring.lookupAddress(address)),
      'hashring, not in its cache': each(addresses, (address) => hashring.get(address)),
      'hashring, in its cache': () => hashring.get('203.0.113.7'),
      'consistent-hash': each(addresses, (address) => consistent.get(address)),
      'sticky-session, hash and modulo': each(addresses, (address) => stickySessionWorker(address, 8)),
    }),
    ...measure(run, 'an IPv6 address to a node', {
      limpet: each(sixes, (address) => ring.lookupAddress(address)),
      'hashring, not in its cache': each(sixes, (address) => hashring.get(address)),
      'consistent-hash': each(sixes, (address) => consistent.get(address)),
    }),
    ...measure(run, 'a short text to a node', {
      limpet: each(names, (name) => ring.lookup(name)),
      'hashring, not in its cache': each(names, (name) => hashring.get(name)),
      'consistent-hash': each(names, (name) => consistent.get(name)),
    }),
  ];
}

/**
 * @param {import('../parts.js').Run} run
 * @returns {import('./measure.js').Row[]}
 */
export function measureLookupMany(run) {
  const ring = new Ring(nodes);
  const fours = Uint32Array.from({ length: clients }, (_, i) => Math.imul(i, 0x9e3779b1));
  const bytes = Uint8Array.from({ length: 16 * clients }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  const out = new Uint16Array(clients);
  const subjects = {
    'limpet lookupMany, IPv4': () => ring.lookupMany(fours, out),
    'limpet lookupMany, IPv6': () => ring.lookupMany(bytes, out),
  };
  return measure(run, 'one of 65,536 addresses at once', subjects, clients);
}
