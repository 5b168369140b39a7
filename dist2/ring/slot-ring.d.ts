import { type Ipv6Prefix } from '../binding/twin/client-key.js';
import { type Slots, SlotTable } from './slot-table.js';
export interface SlotRingOptions {
    readonly slots: Slots;
    /** A power of two from 64 to 65,536, and a bucket for each slot at least. 1,024 when left out. */
    readonly buckets?: number;
    /** 8 bytes; secret where clients choose their own keys. */
    readonly key: Uint8Array;
    /** How many leading bits of an IPv6 address name a client. 64 when left out. */
    readonly ipv6Prefix?: Ipv6Prefix;
}
/** Where a client goes. `Home` and `Owner` are slots here, names in a `Ring`. */
export interface Explanation<Home, Owner> {
    /** The client key: 8 bytes in hexadecimal. */
    readonly key: string;
    /** Its hash, 0 to 2^32 - 1. */
    readonly hash: number;
    /** The top bits of the hash. */
    readonly bucket: number;
    /** Who serves the bucket while all are up. */
    readonly home: Home;
    /** Who serves it now. */
    readonly owner: Owner;
    /** `home`: the home is up. `fallback`: it is down, and the owner serves for it. `none`: nobody is up. */
    readonly reason: 'home' | 'fallback' | 'none';
}
/** An owner of -1: no slot is up. */
export type AddressExplanation = Explanation<number, number>;
/**
 * A ring of numbered slots, all up at first. Rings of the same options send every client to the same slot, in every
 * process and on every machine.
 *
 * - A slot is home to its quota of the buckets, buckets * weight / all weights, within one bucket.
 * - From n to n + 1 slots the new slot's quota moves, to the new slot; nothing else does.
 * - While a slot is down others serve its buckets, and no other bucket moves, whatever else is down. The buckets of a
 *   slot that is down go to the slots that are up in proportion to their weights, each bucket by chance.
 */
export declare class SlotRing extends SlotTable {
    #private;
    readonly ipv6Prefix: Ipv6Prefix;
    /** The hash key, as it was given. */
    readonly key: Uint8Array;
    /**
     * @param slotsMax the most slots there may be.
     * @throws LimpetError ERR_LIMPET_RING when the options make no ring.
     */
    constructor({ slots, buckets, key, ipv6Prefix }: SlotRingOptions, slotsMax?: number);
    /** The slot that serves this address; -1 when none is up. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
    slotOfAddress(address: string): number;
    /** The slot that serves this address while all are up. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
    homeOfAddress(address: string): number;
    /** The slot that serves this key (a text is its UTF-8 bytes); -1 when none is up. */
    slotOfKey(key: string | Uint8Array): number;
    /** The slot that serves the client of this hash; -1 when none is up. */
    slotOfHash(hash: number): number;
    /** The slot that serves the client of this hash while all are up. */
    homeOfHash(hash: number): number;
    /** The hash of an address, 0 to 2^32 - 1. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
    hashOfAddress(address: string): number;
    /**
     * Writes to `out` the slot that serves each of many addresses; 65,535 when none is up.
     * @param addresses IPv4, first octet most significant; or the bytes of IPv6 addresses, 16 each.
     */
    slotsOfMany(addresses: Uint32Array | Uint8Array, out: Uint16Array): void;
    /** Where an address goes, and why. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
    explain(address: string): AddressExplanation;
}
