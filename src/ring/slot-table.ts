/** The tables of homes and owners: which slot serves which bucket while slots join, leave and go down. */
import { ringBinding } from '../binding/ring-binding.js';
import { countHomes, distanceOf } from '../binding/typescript/ring.js';
import { checkBuckets, checkCount, checkWeight, ringError } from './checks.js';

/** The number of slots, all of one weight; or the weight of each slot, from 0.000001 to 1,000,000. */
export type Slots = number | readonly number[];

/** The tables of a {@link SlotRing}. The ring finds the bucket of a client; its docstring says what the tables guarantee. */
export class SlotTable {
  readonly buckets: number;
  protected readonly owners: Uint16Array;
  protected homes: Uint16Array;
  readonly #slotsMax: number;
  /** By slot; 0 for an empty slot, which was left and not taken again. */
  #weights: Float64Array;
  /** By slot; 1 for a slot that is down, and for an empty slot. */
  #down: Uint8Array;
  #live = 0;
  /** Whether the slots joined in order and none has left. Only then can the last slot undo its joining. */
  #inOrder = true;

  /** @throws LimpetError ERR_LIMPET_RING if an argument is invalid. */
  constructor(slots: Slots, buckets: number, slotsMax: number) {
    this.buckets = checkBuckets(buckets);
    this.#slotsMax = slotsMax;
    this.#weights = this.#weigh(slots);
    this.#down = new Uint8Array(this.#weights.length);
    this.homes = ringBinding().buildHomes(this.#weights, buckets);
    this.owners = new Uint16Array(buckets);
    this.#assign();
  }

  /** The number of slots, up or down. */
  get size(): number {
    return this.#weights.length;
  }

  /** The number of slots that are up. */
  get live(): number {
    return this.#live;
  }

  /** Takes a slot out of service: other slots serve its buckets. No-op if it is down. */
  down(slot: number): void {
    this.#mark(slot, 1);
  }

  /** Puts a slot back into service. It serves its own buckets, and the buckets of slots that are down for which it is the nearest. No-op if it is up. */
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

  /** A copy of the owner of every bucket; 65,535 if no slot is up. */
  ownerTable(): Uint16Array {
    return this.owners.slice();
  }

  /** The slot that serves this bucket if its home is down; -1 if no other slot is up. */
  fallbackOf(bucket: number): number {
    return this.rank(bucket).find((slot) => slot !== this.homes[bucket]) ?? -1;
  }

  /** The slots that are up, in the order in which they would serve this bucket. The first one serves it now. */
  rank(bucket: number): number[] {
    const ranked: { slot: number; distance: number }[] = [];
    this.#weights.forEach((weight, slot) => {
      const distance = slot === this.homes[bucket] ? 0 : distanceOf(bucket, slot, weight);
      if (this.#down[slot] === 0) ranked.push({ slot, distance });
    });
    return ranked.sort((a, b) => a.distance - b.distance || a.slot - b.slot).map(({ slot }) => slot);
  }

  /** For each slot, the share of the buckets that it is home to, 0 to 1. */
  shares(): number[] {
    return Array.from(countHomes(this.homes, this.size), (homes) => homes / this.buckets);
  }

  /**
   * Changes the number of slots or their weights. The homes are then the same as in a new ring of these slots, whatever came before.
   * A change of the number moves only the buckets that must move. A change of weights may move about twice as many. A slot that is down
   * stays down.
   * @throws LimpetError ERR_LIMPET_RING if `slots` is invalid. The ring then stays as it is.
   */
  resize(slots: Slots): void {
    this.#rebuild(this.#weigh(slots));
  }

  /**
   * Adds a slot and returns its number: the first empty slot, or a new number at the end. Only the new slot gains buckets.
   * @throws LimpetError ERR_LIMPET_RING if the weight is invalid, or if the ring has as many slots as it can have.
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
   * Removes a slot. Only its buckets move, and the other slots keep their numbers. If it was the last to join and no slot has left before,
   * the ring is as it was before it joined.
   * @throws LimpetError ERR_LIMPET_RING if the slot does not exist, or if it is the only one.
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

/** A copy of `array` with at least `length` elements. The new elements are 0. */
function grown<T extends Float64Array | Uint8Array>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(Math.max(array.length, length));
  copy.set(array);
  return copy;
}
