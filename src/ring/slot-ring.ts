/** The ring of numbers: which slot serves a client. The cluster steers by it, and the named `Ring` is built on it. */
import { ringBinding } from '../binding/ring-binding.js';
import {
  bytesOfKey,
  type ClientKey,
  type Ipv6Prefix,
  keyOfIpv6,
  keyOfText,
} from '../binding/typescript/client-key.js';
import { type HashKey, hashWords } from '../binding/typescript/hash.js';
import { addressError, checkIpv6Prefix, checkKey } from './checks.js';
import { hashBytes, hashText } from './hash.js';
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

/** A cluster's most: a slot is one byte in a steering program and in a sid. */
const SLOTS_MAX = 256;

/**
 * A ring of numbered slots, all up at first. Rings of the same options send every client to the same slot, in every
 * process and on every machine.
 *
 * - A slot is home to its quota of the buckets, buckets * weight / all weights, within one bucket.
 * - From n to n + 1 slots the new slot's quota moves, to the new slot; nothing else does.
 * - While a slot is down others serve its buckets, and no other bucket moves, whatever else is down. The buckets of a
 *   slot that is down go to the slots that are up in proportion to their weights, each bucket by chance.
 */
export class SlotRing extends SlotTable {
  readonly ipv6Prefix: Ipv6Prefix;
  /** The hash key, as it was given. */
  readonly key: Uint8Array;
  readonly #words: HashKey;
  readonly #shift: number;

  /**
   * @param slotsMax the most slots there may be.
   * @throws LimpetError ERR_LIMPET_RING when the options make no ring.
   */
  constructor(
    { slots, buckets = 1024, key, ipv6Prefix = 64 }: SlotRingOptions,
    slotsMax: number = SLOTS_MAX,
  ) {
    super(slots, buckets, slotsMax);
    this.ipv6Prefix = checkIpv6Prefix(ipv6Prefix);
    this.#words = checkKey(key);
    this.key = key.slice();
    this.#shift = 32 - Math.log2(buckets);
  }

  /** The slot that serves this address; -1 when none is up. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
  slotOfAddress(address: string): number {
    return this.slotOfHash(this.hashOfAddress(address));
  }

  /** The slot that serves this address while all are up. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
  homeOfAddress(address: string): number {
    return this.homeOfHash(this.hashOfAddress(address));
  }

  /** The slot that serves this key (a text is its UTF-8 bytes); -1 when none is up. */
  slotOfKey(key: string | Uint8Array): number {
    return this.slotOfHash(this.hashOfKey(key));
  }

  /** The slot that serves the client of this hash; -1 when none is up. */
  slotOfHash(hash: number): number {
    return this.live === 0 ? -1 : (this.owners[hash >>> this.#shift] as number);
  }

  /** The slot that serves the client of this hash while all are up. */
  homeOfHash(hash: number): number {
    return this.homes[hash >>> this.#shift] as number;
  }

  /** The bucket of the client of this hash. */
  bucketOfHash(hash: number): number {
    return hash >>> this.#shift;
  }

  /** The hash of an address, 0 to 2^32 - 1. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
  hashOfAddress(address: string): number {
    return this.#hashOf(this.#keyOf(address));
  }

  /** The hash of an address of 16 bytes, IPv4 as ::ffff:a.b.c.d. */
  hashOfAddressBytes(bytes: Uint8Array): number {
    return this.#hashOf(keyOfIpv6(bytes, 0, this.ipv6Prefix));
  }

  /** The hash of a key (a text is its UTF-8 bytes). */
  hashOfKey(key: string | Uint8Array): number {
    return typeof key === 'string'
      ? hashText(this.key, this.#words, key)
      : hashBytes(this.key, this.#words, key);
  }

  /**
   * Writes to `out` the slot that serves each of many addresses; 65,535 when none is up.
   * @param addresses IPv4, first octet most significant; or the bytes of IPv6 addresses, 16 each.
   */
  slotsOfMany(addresses: Uint32Array | Uint8Array, out: Uint16Array): void {
    if (addresses instanceof Uint32Array) ringBinding().ownersOfIpv4(this.key, this.owners, addresses, out);
    else ringBinding().ownersOfIpv6(this.key, this.owners, this.ipv6Prefix, addresses, out);
  }

  /** Where an address goes, and why. @throws LimpetError ERR_LIMPET_ADDRESS when it is none. */
  explain(address: string): AddressExplanation {
    const key = this.#keyOf(address);
    const hash = this.#hashOf(key);
    const home = this.homeOfHash(hash);
    const owner = this.slotOfHash(hash);
    const reason = owner === home ? 'home' : owner < 0 ? 'none' : 'fallback';
    const hex = Buffer.from(bytesOfKey(key)).toString('hex');
    return { key: hex, hash, bucket: hash >>> this.#shift, home, owner, reason };
  }

  #keyOf(address: string): ClientKey {
    const key = typeof address === 'string' ? keyOfText(address, this.ipv6Prefix) : undefined;
    if (key === undefined) throw addressError(address);
    return key;
  }

  #hashOf({ w0, w1 }: ClientKey): number {
    return hashWords(this.#words.k0, this.#words.k1, w0, w1);
  }
}
