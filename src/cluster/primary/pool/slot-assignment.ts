import { setTimeout as wait } from 'node:timers/promises';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { Listener } from '../listeners/listener.js';
import type { Occupant } from './worker-process.js';

/** How long a process that is asked to stop its intake may take to say that it did; then it is taken to be blocked. */
const stopPatienceMs = 2000;

/** What seating must know of the rest. */
export interface SeatingSurroundings {
  readonly respawnGraceMs: number;
  readonly noticeMs: number;
  listeners(): Iterable<Listener>;
  /** The seated process of a slot. */
  seatedIn(slot: number): Occupant | undefined;
  /** Who serves whom has changed. */
  changed(): void;
  /** The process serves its slot from now on: whoever served it before must leave. */
  serves(occupant: Occupant): void;
}

/**
 * Who serves whom, now: the only place that seats processes at the listeners and changes the ring's owners.
 *
 * A slot whose process leaves waits for the next one; after a grace its clients go to their fallbacks, until it is back.
 */
export class Seating {
  readonly #ring: SlotRing;
  readonly #around: SeatingSurroundings;
  readonly #grace: Map<number, NodeJS.Timeout> = new Map();

  constructor(ring: SlotRing, around: SeatingSurroundings) {
    this.#ring = ring;
    this.#around = around;
  }

  /** Whether the process has opened every listener that the primary declared or that its own app asked for. */
  complete(occupant: Occupant): boolean {
    for (const { id, key, declared } of this.#around.listeners()) {
      if ((declared || occupant.asked.has(key)) && !occupant.opened.has(id)) return false;
    }
    return true;
  }

  /** Gives the process its slot's clients, once the one that has them takes nothing new. */
  async take(occupant: Occupant): Promise<void> {
    const before = this.#around.seatedIn(occupant.slot);
    if (before && before !== occupant) {
      await before.stopIntake(stopPatienceMs);
    }
    if (occupant.life.state !== 'starting' && occupant.life.state !== 'ready') {
      // It ended while its predecessor made room.
      if (before?.seated) this.#resume(before);
      return;
    }
    occupant.seated = true;
    this.#around.serves(occupant);
    this.#endGrace(occupant.slot);
    this.up(occupant.slot);
    for (const listener of this.#around.listeners()) {
      if (occupant.opened.has(listener.id)) listener.seat(occupant);
    }
    occupant.send({ type: 'seated' });
    this.#around.changed();
  }

  #resume(occupant: Occupant): void {
    occupant.send({ type: 'resume' });
    for (const listener of this.#around.listeners()) listener.reseat(occupant);
  }

  left(occupant: Occupant, gone: boolean): void {
    for (const listener of this.#around.listeners()) listener.unseat(occupant, gone);
    const was = occupant.seated;
    occupant.seated = false;
    if (was && !this.#around.seatedIn(occupant.slot)) this.startGrace(occupant.slot);
    this.#around.changed();
  }

  /** Lets proxies learn that the slots from `first` on will be gone, while those still serve; resolves when they had the time. */
  async giveNotice(first: number): Promise<void> {
    const { noticeMs, seatedIn } = this.#around;
    if (noticeMs === 0) return;
    let noticed = false;
    for (let slot = first; slot < this.#ring.size; slot++) {
      noticed = seatedIn(slot)?.send({ type: 'notice' }) || noticed;
    }
    if (noticed) await wait(noticeMs);
  }

  startGrace(slot: number): void {
    if (this.#grace.has(slot) || slot >= this.#ring.size) return;
    this.#grace.set(
      slot,
      setTimeout(() => this.down(slot), this.#around.respawnGraceMs),
    );
  }

  /** From now on the slot's clients are served by their fallbacks. */
  down(slot: number): void {
    if (slot >= this.#ring.size || this.#ring.isDown(slot)) return;
    this.#ring.down(slot);
    this.#retable();
  }

  /** From now on the slot serves its clients itself. */
  up(slot: number): void {
    if (slot >= this.#ring.size || !this.#ring.isDown(slot)) return;
    this.#ring.up(slot);
    this.#retable();
  }

  /** Only what the ring must move is moved. */
  resize(slots: number): void {
    this.#ring.resize(slots);
    this.#retable();
    // A new slot may have lost its process while the others were waited for.
    for (let slot = 0; slot < slots; slot++) {
      const occupant = this.#around.seatedIn(slot);
      if (!occupant) this.startGrace(slot);
      else if (occupant.stalled) this.down(slot);
    }
  }

  end(): void {
    for (const slot of [...this.#grace.keys()]) this.#endGrace(slot);
  }

  #endGrace(slot: number): void {
    clearTimeout(this.#grace.get(slot));
    this.#grace.delete(slot);
  }

  #retable(): void {
    for (const { handoff } of this.#around.listeners()) handoff.retable(this.#ring);
    this.#around.changed();
  }
}
