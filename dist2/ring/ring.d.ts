/** The ring of names: a {@link SlotRing} with a node in each slot. */
import type { Ipv6Prefix } from '../binding/twin/client-key.js';
import { type Explanation } from './slot-ring.js';
/** A node: its name, or its name and its weight (a number from 0.000001 to 1,000,000; 1 when left out). */
export type RingNode = string | {
    readonly name: string;
    readonly weight?: number;
};
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
export declare class Ring {
    #private;
    /** @throws LimpetError ERR_LIMPET_RING when nodes, weights, buckets or key make no ring. */
    constructor(nodes: readonly RingNode[], options?: RingOptions);
    /**
     * The name of each node by its index, the number `lookupMany` gives. A node keeps its index; one that was removed
     * leaves null there, and the next node added takes its place.
     */
    get nodes(): (string | null)[];
    /**
     * The node that serves this key; a text is its UTF-8 bytes. (An address has a lookup of its own: as a text it would
     * be another key.)
     * @throws LimpetError ERR_LIMPET_RING when no node is up.
     */
    lookup(key: string | Uint8Array): string;
    /**
     * The node that serves this IPv4 or IPv6 address.
     * @throws LimpetError ERR_LIMPET_ADDRESS when it is none, ERR_LIMPET_RING when no node is up.
     */
    lookupAddress(address: string): string;
    /**
     * The index in `nodes` of the node that serves each address: as `lookupAddress`, a hundred million a second.
     * @param addresses IPv4, one number each, first octet most significant; or IPv6, 16 bytes each.
     * @param out where to write the answers, at least one each; made when left out. Nothing else is allocated.
     * @returns `out`.
     * @throws LimpetError ERR_LIMPET_RING when no node is up, or the arguments are not what they should be.
     */
    lookupMany(addresses: Uint32Array | Uint8Array, out?: Uint16Array): Uint16Array;
    /** Takes a node out of service until `up`. Nothing when it is down. @throws LimpetError ERR_LIMPET_RING for a stranger. */
    down(name: string): void;
    /** Puts a node back into service. Nothing when it is up. @throws LimpetError ERR_LIMPET_RING for a stranger. */
    up(name: string): void;
    /** @throws LimpetError ERR_LIMPET_RING for a stranger. */
    isDown(name: string): boolean;
    /** Adds a node, up. @throws LimpetError ERR_LIMPET_RING when it is there already, or one more than there can be. */
    add(node: RingNode): void;
    /** Removes a node for good. @throws LimpetError ERR_LIMPET_RING for a stranger, and for the only node. */
    remove(name: string): void;
    /** Where an address goes, and why. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
    explain(address: string): RingExplanation;
}
