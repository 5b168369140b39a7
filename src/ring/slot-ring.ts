/** The ring of numbers: which slot serves a client. The cluster steers by it, and the named {@link Ring} is built on it. */
import { ringBinding } from '../binding/ring-binding.js';
import { addressKey, addressKeyBytes, type Ipv6Prefix, readAddressKey } from '../binding/twin/client-key.js';
import { type HashKey, hash32, hashWords } from '../binding/twin/hash.js';
import { countHomes, distanceOf } from '../binding/twin/ring.js';
import { LimpetError } from '../errors.js';
import { readHashKey } from './hash.js';

export interface SlotRingOptions {
  /** How many slots, all of one weight, or the weight of each: numbers above 0, whole or not. 1 to 256 slots. */
  readonly slots: number | readonly number[];
  /** A power of two, 64 to 65,536, and not fewer than there are slots. 1,024 when left out. */
  readonly buckets?: number;
  /** The secret that keeps clients from aiming at a slot: 8 bytes. */
  readonly key: Uint8Array;
  /** How many leading bits of an IPv6 address name a client. 64 when left out. */
  readonly ipv6Prefix?: Ipv6Prefix;
}

/** Why a client is served where it is. */
export type Reason = 'home' | 'fallback' | 'none';

export interface AddressExplanation {
  /** The client key: 8 bytes in hexadecimal. */
  readonly key: string;
  readonly hash: number;
  readonly bucket: number;
  readonly home: number;
  /** -1 when no slot is live. */
  readonly owner: number;
  /** `home`: the home is up. `fallback`: it is down, and another serves for it. `none`: no slot is live. */
  readonly reason: Reason;
}

const SLOTS_MAX = 256;

/**
 * A ring of numbered slots. Two rings of the same options give every client the same slot, in every process and on
 * every machine. Slots start live.
 *
 * - Balance: a slot is home to its weighted quota of the buckets, within one bucket.
 * - From n to n + 1 slots exactly the new slot's quota moves, all of it to the new slot.
 * - A slot that goes down moves its own buckets and no other's, whatever else is down; up brings exactly them back.
 */
export class SlotRing {
  readonly buckets: number;
  readonly ipv6Prefix: Ipv6Prefix;
  /** The hash key's bytes, as given. */
  readonly key: Uint8Array;
  readonly #words: HashKey;
  readonly #shift: number;
  readonly #slotsMax: number;
  readonly #owners: Uint16Array;
  #homes: Uint16Array;
  #weights: Float64Array;
  #down: Uint8Array;
  #live: number;

  constructor(
    { slots, buckets = 1024, key, ipv6Prefix = 64 }: SlotRingOptions,
    slotsMax: number = SLOTS_MAX,
  ) {
    this.buckets = checkBuckets(buckets);
    this.ipv6Prefix = checkPrefix(ipv6Prefix);
    this.#words = readHashKey(key);
    this.key = key.slice();
    this.#shift = 32 - Math.log2(buckets);
    this.#slotsMax = slotsMax;
    this.#weights = this.#readWeights(slots);
    this.#homes = ringBinding().buildHomes(this.#weights, buckets);
    this.#owners = this.#homes.slice();
    this.#down = new Uint8Array(this.#weights.length);
    this.#live = this.#weights.length;
  }

  /** How many slots there are, live or not. */
  get size(): number {
    return this.#weights.length;
  }

  /** How many slots are live. */
  get live(): number {
    return this.#live;
  }

  /**
   * The slot that serves the client at this address; -1 when no slot is live.
   * @throws LimpetError ERR_LIMPET_ADDRESS when `address` is no IPv4 or IPv6 address.
   */
  slotOfAddress(address: string): number {
    return this.#ownerOf(this.#bucketOfAddress(address));
  }

  /** The slot whose client this is when all are live. @throws LimpetError ERR_LIMPET_ADDRESS as above. */
  homeOfAddress(address: string): number {
    return this.#homes[this.#bucketOfAddress(address)] as number;
  }

  /** The hash of the client at this address, 0 to 2^32 - 1. @throws LimpetError ERR_LIMPET_ADDRESS as above. */
  hashOfAddress(address: string): number {
    if (!readAddressKey(address, this.ipv6Prefix)) throw notAnAddress(address);
    return hashWords(this.#words.k0, this.#words.k1, addressKey.w0, addressKey.w1);
  }

  /** The slot that serves the client with this key; -1 when no slot is live. */
  slotOfKey(bytes: Uint8Array): number {
    return this.slotOfHash(hash32(this.#words, bytes));
  }

  /** The slot that serves the client whose key has this hash, 0 to 2^32 - 1; -1 when no slot is live. */
  slotOfHash(hash: number): number {
    return this.#ownerOf(hash >>> this.#shift);
  }

  /** The slot whose client this is when all are live. */
  homeOfHash(hash: number): number {
    return this.#homes[hash >>> this.#shift] as number;
  }

  /** Takes a slot out of service: its buckets go to their fallbacks, no other moves. Nothing when it is down already. */
  down(slot: number): void {
    this.#mark(slot, 1);
  }

  /** Puts a slot back into service: exactly its own buckets return, and those it is now the nearest fallback of. */
  up(slot: number): void {
    this.#mark(slot, 0);
  }

  isDown(slot: number): boolean {
    return this.#down[this.#check(slot)] === 1;
  }

  /** A copy of the home of every bucket: what the steering program is compiled from. */
  homeTable(): Uint16Array {
    return this.#homes.slice();
  }

  /** A copy of the owner of every bucket; 65,535 where no slot is live. */
  ownerTable(): Uint16Array {
    return this.#owners.slice();
  }

  /** The live slot that serves this bucket when its home does not; -1 when no other slot is live. */
  fallbackOf(bucket: number): number {
    const home = this.#homes[bucket] as number;
    return this.rank(bucket).find((slot) => slot !== home) ?? -1;
  }

  /** The live slots in the order in which they serve this bucket: its owner first. For bounded load. */
  rank(bucket: number): number[] {
    const home = this.#homes[bucket] as number;
    const ranked: { slot: number; distance: number }[] = [];
    for (let slot = 0; slot < this.size; slot++) {
      if (this.#down[slot] === 1) continue;
      const distance = slot === home ? -1 : distanceOf(bucket, slot, this.#weights[slot] as number);
      ranked.push({ slot, distance });
    }
    return ranked.sort((a, b) => a.distance - b.distance || a.slot - b.slot).map(({ slot }) => slot);
  }

  /**
   * Changes how many slots there are, or what they weigh. The ring is then the one that these slots would have made
   * afresh, whatever came before; slots that were down and still exist stay down.
   */
  resize(slots: number | readonly number[]): void {
    this.#weights = this.#readWeights(slots);
    this.#homes = ringBinding().buildHomes(this.#weights, this.buckets);
    const down = new Uint8Array(this.#weights.length);
    down.set(this.#down.subarray(0, down.length));
    this.#down = down;
    this.#assign();
  }

  /** Where the client at this address goes, and why. @throws LimpetError ERR_LIMPET_ADDRESS when it is no address. */
  explain(address: string): AddressExplanation {
    const bucket = this.#bucketOfAddress(address);
    const key = addressKeyBytes();
    const home = this.#homes[bucket] as number;
    const owner = this.#ownerOf(bucket);
    const reason = owner === home ? 'home' : owner < 0 ? 'none' : 'fallback';
    return {
      key: Buffer.from(key).toString('hex'),
      hash: hash32(this.#words, key),
      bucket,
      home,
      owner,
      reason,
    };
  }

  /** The part of all buckets that each slot is home to, 0 to 1. */
  shares(): number[] {
    return Array.from(countHomes(this.#homes, this.size), (homes) => homes / this.buckets);
  }

  #ownerOf(bucket: number): number {
    return this.#live === 0 ? -1 : (this.#owners[bucket] as number);
  }

  #bucketOfAddress(address: string): number {
    return this.hashOfAddress(address) >>> this.#shift;
  }

  #mark(slot: number, down: 0 | 1): void {
    if (this.#down[this.#check(slot)] === down) return;
    this.#down[slot] = down;
    this.#assign();
  }

  #assign(): void {
    this.#live = this.#down.reduce((live, down) => live + 1 - down, 0);
    ringBinding().assignOwners(this.#homes, this.#weights, this.#down, this.#owners);
  }

  #check(slot: number): number {
    if (Number.isInteger(slot) && slot >= 0 && slot < this.size) return slot;
    throw new LimpetError('ERR_LIMPET_RING', `there is no slot ${slot}; expected 0 to ${this.size - 1}`, {
      slot,
    });
  }

  #readWeights(slots: number | readonly number[]): Float64Array {
    const count = typeof slots === 'number' ? slots : slots.length;
    const max = Math.min(this.#slotsMax, this.buckets);
    if (!Number.isInteger(count) || count < 1 || count > max) {
      throw new LimpetError(
        'ERR_LIMPET_RING',
        `the ring was given ${count} slots; expected 1 to ${max}` +
          (max < this.#slotsMax ? `, a bucket each: raise buckets (${this.buckets}) for more` : ''),
        { slots: count, max, buckets: this.buckets },
      );
    }
    const weights = typeof slots === 'number' ? new Float64Array(count).fill(1) : Float64Array.from(slots);
    const bad = weights.find((weight) => !(weight >= WEIGHT_MIN && weight <= WEIGHT_MAX));
    if (bad === undefined) return weights;
    throw new LimpetError(
      'ERR_LIMPET_RING',
      `a weight is ${bad}; expected a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}, whole or not`,
      { weight: bad },
    );
  }
}

/** The span of weights within which quotas are exact to far less than a bucket. */
const WEIGHT_MIN = 1e-6;
const WEIGHT_MAX = 1e6;

/** @throws LimpetError ERR_LIMPET_RING unless `buckets` is a power of two from 64 to 65,536. */
function checkBuckets(buckets: number): number {
  if (Number.isInteger(buckets) && buckets >= 64 && buckets <= 65_536 && (buckets & (buckets - 1)) === 0)
    return buckets;
  throw new LimpetError(
    'ERR_LIMPET_RING',
    `buckets is ${buckets}; expected a power of two from 64 to 65,536`,
    { buckets },
  );
}

function checkPrefix(ipv6Prefix: Ipv6Prefix): Ipv6Prefix {
  if ([32, 48, 56, 64].includes(ipv6Prefix)) return ipv6Prefix;
  throw new LimpetError('ERR_LIMPET_RING', `ipv6Prefix is ${ipv6Prefix}; expected 32, 48, 56 or 64`, {
    ipv6Prefix,
  });
}

function notAnAddress(text: unknown): LimpetError {
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 64)) : String(text);
  return new LimpetError(
    'ERR_LIMPET_ADDRESS',
    `${shown} is no IP address; expected IPv4 such as 203.0.113.7 or IPv6 such as 2001:db8::7, without port or brackets`,
    { address: text },
  );
}
