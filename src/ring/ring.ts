/** The ring of names: a {@link SlotRing} with a node in each slot. */
import type { Ipv6Prefix } from '../binding/typescript/client-key.js';
import { unknownOption } from '../checks.js';
import { KEY_BYTES, ringError, shown } from './checks.js';
import { type Explanation, SlotRing } from './slot-ring.js';

/** A node: its name, or its name and its weight (a number from 0.000001 to 1,000,000; 1 when left out). */
export type RingNode = string | { readonly name: string; readonly weight?: number };

/** What rings must have in common to agree. */
export interface RingOptions {
  /** A power of two from 64 to 65,536, and a bucket for each node at least. 1,024 when left out. */
  readonly buckets?: number;
  /**
   * The hash key: 8 bytes. All zero when left out, so that rings agree; where clients choose their own keys give a
   * secret one, the same to all who must agree.
   */
  readonly key?: Uint8Array;
  /** How many leading bits of an IPv6 address name a client. 64 when left out. */
  readonly ipv6Prefix?: Ipv6Prefix;
}

/** Where an address goes; the owner is null when no node is up. */
export type RingExplanation = Explanation<string, string | null>;

const OPTIONS: readonly (keyof RingOptions)[] = ['buckets', 'key', 'ipv6Prefix'];

/** An index has 16 bits, and 65,535 means nobody. */
const NODES_MAX = 65_535;

/**
 * Consistent hashing over named nodes, all up at first.
 *
 * - A node is home to its quota of the buckets, buckets * weight / all weights, within one bucket.
 * - `add` moves the new node's quota, to the new node; `remove` moves the removed node's buckets, to nodes short of
 *   their quotas. Nothing else moves. (Once nodes of unequal weights were removed, a node may be a little more than a
 *   bucket off its quota.)
 * - While a node is down others serve its buckets, and no other bucket moves, whatever else is down and in whatever
 *   order it went; `up` brings exactly them back.
 *
 * Rings agree on every key when they were made of the same nodes in the same order with the same options, and saw the
 * same calls of `add` and `remove` in the same order since. A ring always has a node.
 *
 * Every error is a LimpetError: ERR_LIMPET_RING, or ERR_LIMPET_ADDRESS for a text that is no address.
 */
export class Ring {
  readonly #ring: SlotRing;
  /** The node in each slot; null in an empty seat. */
  readonly #names: (string | null)[];
  readonly #slots: Map<string, number> = new Map();

  /**
   * A ring of these nodes, 1 to 65,535 of them. It takes time with their square.
   * @throws LimpetError ERR_LIMPET_RING when nodes, weights, buckets or key make no ring, ERR_LIMPET_OPTION for an unknown option.
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
   * The name of each node by its index, the number `lookupMany` gives. A node keeps its index; one that was removed
   * leaves null there, and the next node added takes its place.
   */
  get nodes(): (string | null)[] {
    return [...this.#names];
  }

  /**
   * The node that serves this key; a text is its UTF-8 bytes. (An address has a lookup of its own: as a text it would
   * be another key.)
   * @throws LimpetError ERR_LIMPET_RING when no node is up.
   */
  lookup(key: string | Uint8Array): string {
    if (typeof key === 'string' || key instanceof Uint8Array) return this.#name(this.#ring.slotOfKey(key));
    throw ringError(`the key is ${shown(key)}; expected a string or a Uint8Array`, { key });
  }

  /**
   * The node that serves this IPv4 or IPv6 address.
   * @throws LimpetError ERR_LIMPET_ADDRESS when it is none, ERR_LIMPET_RING when no node is up.
   */
  lookupAddress(address: string): string {
    return this.#name(this.#ring.slotOfAddress(address));
  }

  /**
   * The index in `nodes` of the node that serves each address: as `lookupAddress`, a hundred million a second.
   * @param addresses IPv4, one number each, first octet most significant; or IPv6, 16 bytes each.
   * @param out where to write the answers, at least one each; made when left out. Nothing else is allocated.
   * @returns `out`.
   * @throws LimpetError ERR_LIMPET_RING when no node is up, or the arguments are not what they should be.
   */
  lookupMany(addresses: Uint32Array | Uint8Array, out?: Uint16Array): Uint16Array {
    const count = countOf(addresses);
    const answers = out ?? new Uint16Array(count);
    if (!(answers instanceof Uint16Array) || answers.length < count) {
      throw ringError(`out is ${shown(out)} of ${answers.length}; expected a Uint16Array of ${count}`, {});
    }
    if (this.#ring.live === 0) throw nobodyUp();
    this.#ring.slotsOfMany(addresses, answers);
    return answers;
  }

  /** Takes a node out of service until `up`. Nothing when it is down. @throws LimpetError ERR_LIMPET_RING for a stranger. */
  down(name: string): void {
    this.#ring.down(this.#slot(name));
  }

  /** Puts a node back into service. Nothing when it is up. @throws LimpetError ERR_LIMPET_RING for a stranger. */
  up(name: string): void {
    this.#ring.up(this.#slot(name));
  }

  /** Whether a node is out of service. @throws LimpetError ERR_LIMPET_RING for a stranger. */
  isDown(name: string): boolean {
    return this.#ring.isDown(this.#slot(name));
  }

  /** Adds a node, up. @throws LimpetError ERR_LIMPET_RING when it is there already, or one more than there can be. */
  add(node: RingNode): void {
    const { name, weight } = readNode(node);
    this.#checkNew(name);
    const slot = this.#ring.join(weight);
    this.#names[slot] = name;
    this.#slots.set(name, slot);
  }

  /** Removes a node for good. @throws LimpetError ERR_LIMPET_RING for a stranger, and for the only node. */
  remove(name: string): void {
    const slot = this.#slot(name);
    this.#ring.leave(slot);
    this.#slots.delete(name);
    this.#names[slot] = null;
    this.#names.length = this.#ring.size;
  }

  /** Where an address goes, and why. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
  explain(address: string): RingExplanation {
    const { home, owner, ...client } = this.#ring.explain(address);
    return { ...client, home: this.#names[home] as string, owner: this.#names[owner] ?? null };
  }

  #name(slot: number): string {
    if (slot < 0) throw nobodyUp();
    return this.#names[slot] as string;
  }

  #slot(name: string): number {
    const slot = this.#slots.get(name);
    if (slot !== undefined) return slot;
    const known = [...this.#slots.keys()].slice(0, 8).map(shown).join(', ');
    throw ringError(
      `there is no node ${shown(name)}; there is ${known}${this.#slots.size > 8 ? ', …' : ''}`,
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
  const stranger = Object.keys(options).find((name) => !OPTIONS.includes(name as keyof RingOptions));
  if (stranger !== undefined) throw unknownOption(stranger, OPTIONS, 'ring option');
  return options;
}

function countOf(addresses: unknown): number {
  if (addresses instanceof Uint32Array) return addresses.length;
  if (addresses instanceof Uint8Array && addresses.length % 16 === 0) return addresses.length / 16;
  const given = addresses instanceof Uint8Array ? `${addresses.length} bytes` : shown(addresses);
  throw ringError(
    `addresses is ${given}; expected a Uint32Array (IPv4) or a Uint8Array of 16 bytes each (IPv6)`,
    {},
  );
}

function nobodyUp(): Error {
  return ringError('every node is down; expected one that is up', {});
}
