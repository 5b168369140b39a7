/** The ring of named nodes: a {@link SlotRing} with a node in each slot. */
import type { Ipv6Prefix } from '../binding/typescript/client-key.js';
import { unknownOption } from '../checks.js';
import { KEY_BYTES, ringError, shown } from './checks.js';
import { type Explanation, SlotRing } from './slot-ring.js';

/** A node: its name, or its name and its weight, from 0.000001 to 1,000,000. Default weight 1. */
export type RingNode = string | { readonly name: string; readonly weight?: number };

/** Two rings agree on every client only if they have the same options. */
export interface RingOptions {
  /** A power of two from 64 to 65,536, at least as many as there are nodes. Default 1,024. */
  readonly buckets?: number;
  /**
   * The hash key: 8 bytes. Default: all zero, so that rings agree. If clients can choose their own client keys, give the same secret key to
   * all rings that must agree.
   */
  readonly key?: Uint8Array;
  /** How many leading bits of an IPv6 address identify a client. Default 64. */
  readonly ipv6Prefix?: Ipv6Prefix;
}

/** The node of an address, and how it was found. `owner` is null if no node is up. */
export type RingExplanation = Explanation<string, string | null>;

const OPTIONS: readonly (keyof RingOptions)[] = ['buckets', 'key', 'ipv6Prefix'];

/** An index has 16 bits, and 65,535 means that no node is up. */
const NODES_MAX = 65_535;

/**
 * Consistent hashing over named nodes. At first all nodes are up.
 *
 * - A node is home to its quota of the buckets, within one bucket. Its quota is buckets * weight / the sum of all weights. After nodes of
 *   unequal weights were removed, the difference may be a little more than one bucket.
 * - `add` moves only the new node's quota, to the new node. `remove` moves only the removed node's buckets, to nodes that have less than
 *   their quotas.
 * - While a node is down, other nodes serve its buckets. No other bucket moves, whichever nodes are down and in whatever order they went
 *   down. `up` brings exactly these buckets back.
 *
 * Two rings agree on every key if they were made of the same nodes in the same order with the same options. The calls of `add` and `remove`
 * since then must be the same, in the same order. A ring always has at least one node.
 *
 * Every error is a LimpetError: ERR_LIMPET_RING, or ERR_LIMPET_ADDRESS for a text that is not an address.
 */
export class Ring {
  readonly #ring: SlotRing;
  /** The node in each slot; null in an empty slot. */
  readonly #names: (string | null)[];
  readonly #slots: Map<string, number> = new Map();

  /**
   * Makes a ring of 1 to 65,535 nodes. The time grows with the square of their number.
   * @throws LimpetError ERR_LIMPET_RING if a node, a weight or an option is invalid, ERR_LIMPET_OPTION for an unknown option.
   */
  constructor(nodes: readonly RingNode[], options: RingOptions = {}) {
    if (!Array.isArray(nodes)) throw ringError(`nodes is ${shown(nodes)}; expected an array`, { nodes });
    const members = nodes.map(readNode);
    this.#names = members.map(({ name }) => name);
    for (const [slot, { name }] of members.entries()) {
      this.#checkNew(name);
      this.#slots.set(name, slot);
    }
    const { buckets = 1024, key = new Uint8Array(KEY_BYTES), ipv6Prefix = 64 } = readOptions(options);
    const slots = members.map(({ weight }) => weight);
    this.#ring = new SlotRing({ slots, buckets, key, ipv6Prefix }, NODES_MAX);
  }

  /**
   * The name of each node by its index, the number that `lookupMany` returns. A node keeps its index. At the index of a removed node is null,
   * until `add` gives the index to a new node.
   */
  get nodes(): (string | null)[] {
    return [...this.#names];
  }

  /**
   * The node that serves this key. A text stands for its UTF-8 bytes. For an address use `lookupAddress`: the text of an address is another
   * key than the address.
   * @throws LimpetError ERR_LIMPET_RING if no node is up, or if the key is not a text or a Uint8Array.
   */
  lookup(key: string | Uint8Array): string {
    if (typeof key === 'string' || key instanceof Uint8Array) return this.#name(this.#ring.slotOfKey(key));
    throw ringError(`the key is ${shown(key)}; expected a string or a Uint8Array`, { key });
  }

  /**
   * The node that serves this IPv4 or IPv6 address.
   * @throws LimpetError ERR_LIMPET_ADDRESS if the text is not an address, ERR_LIMPET_RING if no node is up.
   */
  lookupAddress(address: string): string {
    return this.#name(this.#ring.slotOfAddress(address));
  }

  /**
   * As `lookupAddress`, for many addresses: 100 million a second. The result has the index in `nodes` of the node for each address.
   * @param addresses IPv4 addresses as numbers, first octet most significant; or IPv6 addresses of 16 bytes each.
   * @param out the array for the result, with at least one element for each address. Default: a new array. Nothing else is allocated.
   * @returns `out`.
   * @throws LimpetError ERR_LIMPET_RING if no node is up, or if an argument is invalid.
   */
  lookupMany(addresses: Uint32Array | Uint8Array, out?: Uint16Array): Uint16Array {
    const count = countOf(addresses);
    const answers = out ?? new Uint16Array(count);
    if (!(answers instanceof Uint16Array) || answers.length < count) {
      throw ringError(`out is ${shown(out)} of ${answers.length}; expected a Uint16Array of ${count}`, {});
    }
    if (this.#ring.live === 0) throw noNodeUp();
    this.#ring.slotsOfMany(addresses, answers);
    return answers;
  }

  /** Takes a node out of service until `up`. No-op if it is down. @throws LimpetError ERR_LIMPET_RING for an unknown name. */
  down(name: string): void {
    this.#ring.down(this.#slot(name));
  }

  /** Puts a node back into service. No-op if it is up. @throws LimpetError ERR_LIMPET_RING for an unknown name. */
  up(name: string): void {
    this.#ring.up(this.#slot(name));
  }

  /** Whether a node is out of service. @throws LimpetError ERR_LIMPET_RING for an unknown name. */
  isDown(name: string): boolean {
    return this.#ring.isDown(this.#slot(name));
  }

  /** Adds a node, which is up. @throws LimpetError ERR_LIMPET_RING if the name exists, or if the ring has as many nodes as it can have. */
  add(node: RingNode): void {
    const { name, weight } = readNode(node);
    this.#checkNew(name);
    const slot = this.#ring.join(weight);
    this.#names[slot] = name;
    this.#slots.set(name, slot);
  }

  /** Removes a node for good. @throws LimpetError ERR_LIMPET_RING for an unknown name, and for the only node. */
  remove(name: string): void {
    const slot = this.#slot(name);
    this.#ring.leave(slot);
    this.#slots.delete(name);
    this.#names[slot] = null;
    this.#names.length = this.#ring.size;
  }

  /** The node of an address, and why. @throws LimpetError ERR_LIMPET_ADDRESS if the text is not an address. */
  explain(address: string): RingExplanation {
    const { home, owner, ...client } = this.#ring.explain(address);
    return { ...client, home: this.#names[home] as string, owner: this.#names[owner] ?? null };
  }

  #name(slot: number): string {
    if (slot < 0) throw noNodeUp();
    return this.#names[slot] as string;
  }

  #slot(name: string): number {
    const slot = this.#slots.get(name);
    if (slot !== undefined) return slot;
    const known = [...this.#slots.keys()].slice(0, 8).map(shown).join(', ');
    throw ringError(
      `there is no node ${shown(name)}; expected one of ${known}${this.#slots.size > 8 ? ', …' : ''}`,
      { name },
    );
  }

  #checkNew(name: string): void {
    if (this.#slots.has(name))
      throw ringError(`there are two nodes ${shown(name)}; names must differ`, { name });
  }
}

function readNode(node: RingNode): { name: string; weight: number } {
  const { name, weight = 1 } = typeof node === 'object' && node !== null ? node : { name: node };
  if (typeof name === 'string' && name !== '') return { name, weight };
  throw ringError(`a node's name is ${shown(name)}; expected a text that is not empty`, { node });
}

function readOptions(options: RingOptions): RingOptions {
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name as keyof RingOptions));
  if (unknown !== undefined) throw unknownOption(unknown, OPTIONS, 'ring option');
  return options;
}

function countOf(addresses: unknown): number {
  if (addresses instanceof Uint32Array) return addresses.length;
  if (addresses instanceof Uint8Array && addresses.length % 16 === 0) return addresses.length / 16;
  const received = addresses instanceof Uint8Array ? `${addresses.length} bytes` : shown(addresses);
  throw ringError(
    `addresses is ${received}; expected a Uint32Array (IPv4) or a Uint8Array of 16 bytes each (IPv6)`,
    {},
  );
}

function noNodeUp(): Error {
  return ringError('every node is down; expected at least one that is up', {});
}
