/** The ring of numbered slots, which the router uses. The `Ring` of named nodes is built on it. */
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
  /** A power of two from 64 to 65,536, at least as many as there are slots. Default 1,024. */
  readonly buckets?: number;
  /** The hash key: 8 bytes. Keep it secret if clients can choose their own client keys. */
  readonly key: Uint8Array;
  /** How many leading bits of an IPv6 address identify a client. Default 64. */
  readonly ipv6Prefix?: Ipv6Prefix;
}

/** The slot of a client, and how it was found. In a `Ring`, `Home` and `Owner` are names of nodes. */
export interface Explanation<Home, Owner> {
  /** The client key: 8 bytes as 16 hexadecimal digits. */
  readonly key: string;
  /** Its hash, 0 to 2^32 - 1. */
  readonly hash: number;
  /** The top bits of the hash. */
  readonly bucket: number;
  /** The one that serves the bucket while all are up. */
  readonly home: Home;
  /** The one that serves the bucket now. */
  readonly owner: Owner;
  /** `home`: the home is up. `fallback`: the home is down, and the owner serves its clients. `none`: all are down. */
  readonly reason: 'home' | 'fallback' | 'none';
}

/** `owner` is -1 if no slot is up. */
export type AddressExplanation = Explanation<number, number>;

/** The most slots of a router: a slot is one byte in the steering program and in a sid. */
const SLOTS_MAX = 256;

/**
 * A ring of numbered slots. At first all slots are up. Rings with the same options send every client to the same slot, in every process
 * and on every machine.
 *
 * - A slot is home to its quota of the buckets, within one bucket. Its quota is buckets * weight / the sum of all weights.
 * - From n to n + 1 slots, only the new slot's quota moves, and all of it to the new slot.
 * - While a slot is down, the slots that are up serve its buckets in proportion to their weights. A hash decides for each bucket. No other
 *   bucket moves, whichever slots are down.
 */
export class SlotRing extends SlotTable {
  readonly ipv6Prefix: Ipv6Prefix;
  /** A copy of the hash key. */
  readonly key: Uint8Array;
  readonly #words: HashKey;
  readonly #shift: number;

  /**
   * @param slotsMax the most slots that the ring may have.
   * @throws LimpetError ERR_LIMPET_RING if an option is invalid.
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

  /** The slot that serves this address; -1 if none is up. @throws LimpetError ERR_LIMPET_ADDRESS if the text is not an address. */
  slotOfAddress(address: string): number {
    return this.slotOfHash(this.hashOfAddress(address));
  }

  /** The slot that serves this address while all are up. @throws LimpetError ERR_LIMPET_ADDRESS if the text is not an address. */
  homeOfAddress(address: string): number {
    return this.homeOfHash(this.hashOfAddress(address));
  }

  /** The slot that serves this key; -1 if none is up. A text stands for its UTF-8 bytes. */
  slotOfKey(key: string | Uint8Array): number {
    return this.slotOfHash(this.hashOfKey(key));
  }

  /** The slot that serves the client with this hash; -1 if none is up. */
  slotOfHash(hash: number): number {
    return this.live === 0 ? -1 : (this.owners[hash >>> this.#shift] as number);
  }

  /** The slot that serves the client with this hash while all are up. */
  homeOfHash(hash: number): number {
    return this.homes[hash >>> this.#shift] as number;
  }

  /** The bucket of the client with this hash. */
  bucketOfHash(hash: number): number {
    return hash >>> this.#shift;
  }

  /** The hash of an address, 0 to 2^32 - 1. @throws LimpetError ERR_LIMPET_ADDRESS if the text is not an address. */
  hashOfAddress(address: string): number {
    return this.#hashOf(this.#keyOf(address));
  }

  /** The hash of an address of 16 bytes; IPv4 is ::ffff:a.b.c.d. */
  hashOfAddressBytes(bytes: Uint8Array): number {
    return this.#hashOf(keyOfIpv6(bytes, 0, this.ipv6Prefix));
  }

  /** The hash of a key. A text stands for its UTF-8 bytes. */
  hashOfKey(key: string | Uint8Array): number {
    return typeof key === 'string'
      ? hashText(this.key, this.#words, key)
      : hashBytes(this.key, this.#words, key);
  }

  /**
   * Writes to `out` the slot that serves each address; 65,535 if none is up.
   * @param addresses IPv4 addresses as numbers, first octet most significant; or IPv6 addresses of 16 bytes each.
   */
  slotsOfMany(addresses: Uint32Array | Uint8Array, out: Uint16Array): void {
    if (addresses instanceof Uint32Array) ringBinding().ownersOfIpv4(this.key, this.owners, addresses, out);
    else ringBinding().ownersOfIpv6(this.key, this.owners, this.ipv6Prefix, addresses, out);
  }

  /** The slot of an address, and why. @throws LimpetError ERR_LIMPET_ADDRESS if the text is not an address. */
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
