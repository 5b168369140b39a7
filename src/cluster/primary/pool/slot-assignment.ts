import { setTimeout as wait } from 'node:timers/promises';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { Listener } from '../listeners/listener.js';
import type { WorkerProcess } from './worker-process.js';

/** How long a process that is asked to stop its inbox may take to say that it did; then it is taken to be blocked. */
const stopPatienceMs = 2000;

/** What assignment must know of the rest. */
export interface SlotAssignmentContext {
  readonly respawnGraceMs: number;
  readonly noticeMs: number;
  listeners(): Iterable<Listener>;
  /** The seated process of a slot. */
  attachedIn(slot: number): WorkerProcess | undefined;
  /** Who serves whom has changed. */
  changed(): void;
  /** The process serves its slot from now on: whoever served it before must leave. */
  serves(worker: WorkerProcess): void;
}

/**
 * Who serves whom, now: the only place that seats processes at the listeners and changes the ring's owners.
 *
 * A slot whose process leaves waits for the next one; after a grace its clients go to their fallbacks, until it is back.
 */
export class SlotAssignment {
  readonly #ring: SlotRing;
  readonly #around: SlotAssignmentContext;
  readonly #grace: Map<number, NodeJS.Timeout> = new Map();

  constructor(ring: SlotRing, around: SlotAssignmentContext) {
    this.#ring = ring;
    this.#around = around;
  }

  /** Whether the process has opened every listener that the primary declared or that its own app asked for. */
  complete(worker: WorkerProcess): boolean {
    for (const { id, key, declared } of this.#around.listeners()) {
      if ((declared || worker.asked.has(key)) && !worker.opened.has(id)) return false;
    }
    return true;
  }

  /** Gives the process its slot's clients, once the one that has them takes nothing new. */
  async assign(worker: WorkerProcess): Promise<void> {
    const before = this.#around.attachedIn(worker.slot);
    if (before && before !== worker) {
      await before.stopAccepting(stopPatienceMs);
    }
    if (worker.life.state !== 'starting' && worker.life.state !== 'ready') {
      // It ended while its predecessor made room.
      if (before?.attached) this.#resume(before);
      return;
    }
    worker.attached = true;
    this.#around.serves(worker);
    this.#endGrace(worker.slot);
    this.up(worker.slot);
    for (const listener of this.#around.listeners()) {
      if (worker.opened.has(listener.id)) listener.attach(worker);
    }
    worker.send({ type: 'assigned' });
    this.#around.changed();
  }

  #resume(worker: WorkerProcess): void {
    worker.send({ type: 'resume' });
    for (const listener of this.#around.listeners()) listener.reattach(worker);
  }

  left(worker: WorkerProcess, gone: boolean): void {
    for (const listener of this.#around.listeners()) listener.detach(worker, gone);
    const was = worker.attached;
    worker.attached = false;
    if (was && !this.#around.attachedIn(worker.slot)) this.startGrace(worker.slot);
    this.#around.changed();
  }

  /** Lets proxies learn that the slots from `first` on will be gone, while those still serve; resolves when they had the time. */
  async giveNotice(first: number): Promise<void> {
    const { noticeMs, attachedIn } = this.#around;
    if (noticeMs === 0) return;
    let noticed = false;
    for (let slot = first; slot < this.#ring.size; slot++) {
      noticed = attachedIn(slot)?.send({ type: 'notice' }) || noticed;
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
    this.#updateRing();
  }

  /** From now on the slot serves its clients itself. */
  up(slot: number): void {
    if (slot >= this.#ring.size || !this.#ring.isDown(slot)) return;
    this.#ring.up(slot);
    this.#updateRing();
  }

  /** Only what the ring must move is moved. */
  resize(slots: number): void {
    this.#ring.resize(slots);
    this.#updateRing();
    // A new slot may have lost its process while the others were waited for.
    for (let slot = 0; slot < slots; slot++) {
      const worker = this.#around.attachedIn(slot);
      if (!worker) this.startGrace(slot);
      else if (worker.stalled) this.down(slot);
    }
  }

  end(): void {
    for (const slot of [...this.#grace.keys()]) this.#endGrace(slot);
  }

  #endGrace(slot: number): void {
    clearTimeout(this.#grace.get(slot));
    this.#grace.delete(slot);
  }

  #updateRing(): void {
    for (const { handoff } of this.#around.listeners()) handoff.updateRing(this.#ring);
    this.#around.changed();
  }
}
