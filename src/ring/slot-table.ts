/** Who serves which bucket: the tables of homes and owners, kept as slots come, go, and go down. */
import { ringBinding } from '../binding/ring-binding.js';
import { countHomes, distanceOf } from '../binding/typescript/ring.js';
import { checkBuckets, checkCount, checkWeight, ringError } from './checks.js';

/** How many slots of one weight, or each slot's weight: a number from 0.000001 to 1,000,000. */
export type Slots = number | readonly number[];

/** The tables behind a {@link SlotRing}, which finds a client's bucket; its description says what they hold to. */
export class SlotTable {
  readonly buckets: number;
  protected readonly owners: Uint16Array;
  protected homes: Uint16Array;
  readonly #slotsMax: number;
  /** 0 for an empty seat. */
  #weights: Float64Array;
  /** 1 for a slot that is down, and for an empty seat. */
  #down: Uint8Array;
  #live = 0;
  /** Whether the slots joined in order and none has left since; only then can the last undo its joining. */
  #inOrder = true;

  /** @throws LimpetError ERR_LIMPET_RING when these make no ring. */
  constructor(slots: Slots, buckets: number, slotsMax: number) {
    this.buckets = checkBuckets(buckets);
    this.#slotsMax = slotsMax;
    this.#weights = this.#weigh(slots);
    this.#down = new Uint8Array(this.#weights.length);
    this.homes = ringBinding().buildHomes(this.#weights, buckets);
    this.owners = new Uint16Array(buckets);
    this.#assign();
  }

  /** How many slots there are, up or down. */
  get size(): number {
    return this.#weights.length;
  }

  /** How many slots are up. */
  get live(): number {
    return this.#live;
  }

  /** Takes a slot out of service: others serve its buckets. */
  down(slot: number): void {
    this.#mark(slot, 1);
  }

  /** Puts a slot back into service: it serves its buckets again, and those of slots down that are nearest to it. */
  up(slot: number): void {
    this.#mark(slot, 0);
  }

  isDown(slot: number): boolean {
    return this.#down[this.#check(slot)] === 1;
  }

  /** A copy of the home of every bucket. */
  homeTable(): Uint16Array {
    return this.homes.slice();
  }

  /** A copy of who serves every bucket; 65,535 when no slot is up. */
  ownerTable(): Uint16Array {
    return this.owners.slice();
  }

  /** Who serves this bucket when its home does not; -1 when no other slot is up. */
  fallbackOf(bucket: number): number {
    return this.rank(bucket).find((slot) => slot !== this.homes[bucket]) ?? -1;
  }

  /** The slots that are up, in the order in which they would serve this bucket: who does now comes first. */
  rank(bucket: number): number[] {
    const ranked: { slot: number; distance: number }[] = [];
    this.#weights.forEach((weight, slot) => {
      const distance = slot === this.homes[bucket] ? 0 : distanceOf(bucket, slot, weight);
      if (this.#down[slot] === 0) ranked.push({ slot, distance });
    });
    return ranked.sort((a, b) => a.distance - b.distance || a.slot - b.slot).map(({ slot }) => slot);
  }

  /** The part of all buckets that each slot is home to, 0 to 1. */
  shares(): number[] {
    return Array.from(countHomes(this.homes, this.size), (homes) => homes / this.buckets);
  }

  /**
   * Changes how many slots there are or what they weigh. The ring is then what a new one of these slots would be,
   * whatever came before. With more or fewer slots only what must move does; a change of weights may move up to about
   * twice the least. A slot that was down and is still there stays down.
   */
  resize(slots: Slots): void {
    this.#rebuild(this.#weigh(slots));
  }

  /**
   * Gives a new slot the first empty seat, or a new one, and returns its number. Only the new slot gains.
   * @throws LimpetError ERR_LIMPET_RING for a weight that is none, or one slot too many.
   */
  join(weight: number): number {
    const empty = this.#weights.indexOf(0);
    const slot = empty < 0 ? checkCount(this.size + 1, this.#slotsMax, this.buckets) - 1 : empty;
    const weights = grown(this.#weights, slot + 1);
    weights[slot] = checkWeight(weight);
    this.#down = grown(this.#down, slot + 1);
    this.#down[slot] = 0;
    this.#weights = weights;
    this.#inOrder &&= empty < 0;
    ringBinding().joinHomes(this.homes, weights, slot);
    this.#assign();
    return slot;
  }

  /**
   * Empties a slot's seat: only its buckets move, and the other slots keep their numbers. The last slot to join undoes
   * its joining exactly, if none has left before.
   * @throws LimpetError ERR_LIMPET_RING when there is no such slot, or no other.
   */
  leave(slot: number): void {
    this.#check(slot);
    if (this.#weights.filter((weight) => weight > 0).length === 1) {
      throw ringError('the only member of a ring cannot leave it; take it down instead', { slot });
    }
    if (this.#inOrder && slot === this.size - 1) {
      this.#rebuild(this.#weights.slice(0, slot));
      return;
    }
    this.#inOrder = false;
    this.#weights[slot] = 0;
    this.#down[slot] = 1;
    ringBinding().leaveHomes(this.homes, this.#weights, slot);
    this.#assign();
  }

  #mark(slot: number, down: 0 | 1): void {
    if (this.#down[this.#check(slot)] === down) return;
    this.#down[slot] = down;
    this.#assign();
  }

  #rebuild(weights: Float64Array): void {
    this.#down = grown(this.#down, weights.length).slice(0, weights.length);
    this.#weights = weights;
    this.#inOrder = true;
    this.homes = ringBinding().buildHomes(weights, this.buckets);
    this.#assign();
  }

  #assign(): void {
    this.#live = this.#down.reduce((live, down) => live + 1 - down, 0);
    ringBinding().assignOwners(this.homes, this.#weights, this.#down, this.owners);
  }

  #check(slot: number): number {
    if ((this.#weights[slot] ?? 0) > 0) return slot;
    throw ringError(`there is no slot ${slot}; expected 0 to ${this.size - 1}`, { slot });
  }

  #weigh(slots: Slots): Float64Array {
    const count = checkCount(typeof slots === 'number' ? slots : slots.length, this.#slotsMax, this.buckets);
    return typeof slots === 'number'
      ? new Float64Array(count).fill(1)
      : Float64Array.from(slots, checkWeight);
  }
}

/** A copy of `array` with room for `length` at least, zeros in what is new. */
function grown<T extends Float64Array | Uint8Array>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(Math.max(array.length, length));
  copy.set(array);
  return copy;
}
