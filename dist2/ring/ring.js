import { unknownOption } from '../options.js';
import { KEY_BYTES, ringError, shown } from './checks.js';
import { SlotRing } from './slot-ring.js';
const OPTIONS = ['buckets', 'key', 'ipv6Prefix'];
/** An index has 16 bits, and 65,535 means nobody. */
const NODES_MAX = 65_535;
/**
 * Consistent hashing over named nodes, all up at first.
 *
 * - A node is home to its quota of the buckets, buckets * weight / all weights, within one bucket.
 * - `add` moves the new node's quota, to the new node; `remove` moves the removed node's buckets, to nodes short of
 *   their quotas. Nothing else moves. (Once nodes of unequal weights were removed, a quota may be missed by more than a
 *   bucket, until nodes are added again.)
 * - While a node is down others serve its buckets, and no other bucket moves, whatever else is down and in whatever
 *   order it went; `up` brings exactly them back.
 *
 * Rings agree on every key when they were made of the same nodes in the same order with the same options, and saw the
 * same calls of `add` and `remove` in the same order since. A ring always has a node.
 *
 * Every error is a LimpetError: ERR_LIMPET_RING, or ERR_LIMPET_ADDRESS for a text that is no address.
 */
export class Ring {
    #ring;
    /** The node in each slot; null in an empty seat. */
    #names;
    #slots = new Map();
    /** @throws LimpetError ERR_LIMPET_RING when nodes, weights, buckets or key make no ring. */
    constructor(nodes, options = {}) {
        if (!Array.isArray(nodes))
            throw ringError(`nodes is ${shown(nodes)}; expected an array`, { nodes });
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
    get nodes() {
        return [...this.#names];
    }
    /**
     * The node that serves this key; a text is its UTF-8 bytes. (An address has a lookup of its own: as a text it would
     * be another key.)
     * @throws LimpetError ERR_LIMPET_RING when no node is up.
     */
    lookup(key) {
        if (typeof key === 'string' || key instanceof Uint8Array)
            return this.#name(this.#ring.slotOfKey(key));
        throw ringError(`the key is ${shown(key)}; expected a string or a Uint8Array`, { key });
    }
    /**
     * The node that serves this IPv4 or IPv6 address.
     * @throws LimpetError ERR_LIMPET_ADDRESS when it is none, ERR_LIMPET_RING when no node is up.
     */
    lookupAddress(address) {
        return this.#name(this.#ring.slotOfAddress(address));
    }
    /**
     * The index in `nodes` of the node that serves each address: as `lookupAddress`, a hundred million a second.
     * @param addresses IPv4, one number each, first octet most significant; or IPv6, 16 bytes each.
     * @param out where to write the answers, at least one each; made when left out. Nothing else is allocated.
     * @returns `out`.
     * @throws LimpetError ERR_LIMPET_RING when no node is up, or the arguments are not what they should be.
     */
    lookupMany(addresses, out) {
        const count = countOf(addresses);
        const answers = out ?? new Uint16Array(count);
        if (!(answers instanceof Uint16Array) || answers.length < count) {
            throw ringError(`out is ${shown(out)} of ${answers.length}; expected a Uint16Array of ${count}`, {});
        }
        if (this.#ring.live === 0)
            throw nobodyUp();
        this.#ring.slotsOfMany(addresses, answers);
        return answers;
    }
    /** Takes a node out of service until `up`. Nothing when it is down. @throws LimpetError ERR_LIMPET_RING for a stranger. */
    down(name) {
        this.#ring.down(this.#slot(name));
    }
    /** Puts a node back into service. Nothing when it is up. @throws LimpetError ERR_LIMPET_RING for a stranger. */
    up(name) {
        this.#ring.up(this.#slot(name));
    }
    /** @throws LimpetError ERR_LIMPET_RING for a stranger. */
    isDown(name) {
        return this.#ring.isDown(this.#slot(name));
    }
    /** Adds a node, up. @throws LimpetError ERR_LIMPET_RING when it is there already, or one more than there can be. */
    add(node) {
        const { name, weight } = readNode(node);
        this.#checkNew(name);
        const slot = this.#ring.join(weight);
        this.#names[slot] = name;
        this.#slots.set(name, slot);
    }
    /** Removes a node for good. @throws LimpetError ERR_LIMPET_RING for a stranger, and for the only node. */
    remove(name) {
        const slot = this.#slot(name);
        this.#ring.leave(slot);
        this.#slots.delete(name);
        this.#names[slot] = null;
        this.#names.length = this.#ring.size;
    }
    /** Where an address goes, and why. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
    explain(address) {
        const { home, owner, ...client } = this.#ring.explain(address);
        return { ...client, home: this.#names[home], owner: this.#names[owner] ?? null };
    }
    #name(slot) {
        if (slot < 0)
            throw nobodyUp();
        return this.#names[slot];
    }
    #slot(name) {
        const slot = this.#slots.get(name);
        if (slot !== undefined)
            return slot;
        const known = [...this.#slots.keys()].slice(0, 8).map(shown).join(', ');
        throw ringError(`there is no node ${shown(name)}; there is ${known}${this.#slots.size > 8 ? ', …' : ''}`, { name });
    }
    #checkNew(name) {
        if (this.#slots.has(name))
            throw ringError(`there are two nodes ${shown(name)}; names must differ`, { name });
    }
}
function readNode(node) {
    const { name, weight = 1 } = typeof node === 'object' && node !== null ? node : { name: node };
    if (typeof name === 'string' && name !== '')
        return { name, weight };
    throw ringError(`a node's name is ${shown(name)}; expected a text that is not empty`, { node });
}
function readOptions(options) {
    const stranger = Object.keys(options).find((name) => !OPTIONS.includes(name));
    if (stranger !== undefined)
        throw unknownOption(stranger, OPTIONS, 'ring option');
    return options;
}
function countOf(addresses) {
    if (addresses instanceof Uint32Array)
        return addresses.length;
    if (addresses instanceof Uint8Array && addresses.length % 16 === 0)
        return addresses.length / 16;
    const given = addresses instanceof Uint8Array ? `${addresses.length} bytes` : shown(addresses);
    throw ringError(`addresses is ${given}; expected a Uint32Array (IPv4) or a Uint8Array of 16 bytes each (IPv6)`, {});
}
function nobodyUp() {
    return ringError('every node is down; expected one that is up', {});
}
