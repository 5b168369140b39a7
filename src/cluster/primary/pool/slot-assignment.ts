import type { PrimaryHandoff } from '../../../handoff/contract.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { SlotRing } from '../../../ring/slot-ring.js';
import type { Listener } from '../listeners/listener.js';
import type { WorkerProcess } from './worker-process.js';

/** A process that does not confirm `stop` within this time is blocked. Its slot is then given away without it. */
const stopTimeoutMs = 2000;

/** The calls of the slot assignment to the worker pool. */
export interface SlotAssignmentHooks {
  listeners(): Iterable<Listener>;
  /** The attached process of a slot. */
  attachedIn(slot: number): WorkerProcess | undefined;
  /** An attached process, or the ring, has changed. */
  changed(): void;
  /** The process serves its slot from now on. The one that served it before must drain. */
  serves(worker: WorkerProcess): void;
}

/**
 * Assigns slots to worker processes. Nothing else attaches processes to the listeners or changes the owners in the ring.
 *
 * If the process of a slot leaves, its clients wait for the next process. After `respawnGraceMs` the slot is down: fallbacks serve
 * its clients until a process is ready.
 */
export class SlotAssignment {
  readonly #ring: SlotRing;
  readonly #options: Pick<CheckedRouterOptions, 'respawnGraceMs' | 'noticeMs'>;
  readonly #hooks: SlotAssignmentHooks;
  readonly #graceTimers: Map<number, NodeJS.Timeout> = new Map();

  constructor(
    ring: SlotRing,
    options: Pick<CheckedRouterOptions, 'respawnGraceMs' | 'noticeMs'>,
    hooks: SlotAssignmentHooks,
  ) {
    this.#ring = ring;
    this.#options = options;
    this.#hooks = hooks;
  }

  /** Whether the process has opened every listener that the primary declared or that its own app asked for. */
  hasOpenedAll(worker: WorkerProcess): boolean {
    for (const { id, key, declared } of this.#hooks.listeners()) {
      if ((declared || worker.asked.has(key)) && !worker.opened.has(id)) return false;
    }
    return true;
  }

  /** Gives the process the clients of its slot. First, the process that has them stops accepting. */
  async assign(worker: WorkerProcess): Promise<void> {
    const before = this.#hooks.attachedIn(worker.slot);
    if (before && before !== worker) {
      await before.stopAccepting(stopTimeoutMs);
    }
    const { state } = worker.lifecycle;
    if (state !== 'starting' && state !== 'ready') {
      // The new process ended while the old one stopped accepting.
      if (before?.attached) this.#resume(before);
      return;
    }
    worker.attached = true;
    this.#hooks.serves(worker);
    this.#endGrace(worker.slot);
    this.markUp(worker.slot);
    for (const listener of this.#hooks.listeners()) {
      if (worker.opened.has(listener.id)) listener.attach(worker);
    }
    worker.send({ type: 'assigned' });
    this.#hooks.changed();
  }

  #resume(worker: WorkerProcess): void {
    worker.send({ type: 'resume' });
    for (const listener of this.#hooks.listeners()) listener.reattach(worker);
  }

  /** The process accepts nothing new. `gone`: it has ended. */
  unassign(worker: WorkerProcess, gone: boolean): void {
    for (const listener of this.#hooks.listeners()) listener.detach(worker, gone);
    const wasAttached = worker.attached;
    worker.attached = false;
    if (wasAttached && !this.#hooks.attachedIn(worker.slot)) this.startGrace(worker.slot);
    this.#hooks.changed();
  }

  /**
   * Tells the processes of slot `first` and above that their slots will be taken away. They serve on, but their health says 503.
   * Resolves after `noticeMs`, so that proxies can notice. Resolves at once if no process was told.
   */
  async giveNotice(first: number): Promise<void> {
    const { noticeMs } = this.#options;
    if (noticeMs === 0) return;
    let noticed = false;
    for (let slot = first; slot < this.#ring.size; slot++) {
      noticed = this.#hooks.attachedIn(slot)?.send({ type: 'notice' }) || noticed;
    }
    if (noticed) await new Promise((resolve) => setTimeout(resolve, noticeMs));
  }

  /** Marks the slot down after `respawnGraceMs`, unless a process is assigned before. */
  startGrace(slot: number): void {
    if (this.#graceTimers.has(slot) || slot >= this.#ring.size) return;
    this.#graceTimers.set(
      slot,
      setTimeout(() => this.markDown(slot), this.#options.respawnGraceMs),
    );
  }

  /** From now on fallbacks serve the clients of the slot. */
  markDown(slot: number): void {
    if (slot >= this.#ring.size || this.#ring.isDown(slot)) return;
    this.#ring.down(slot);
    this.#updateRing();
  }

  /** From now on the slot serves its clients itself. */
  markUp(slot: number): void {
    if (slot >= this.#ring.size || !this.#ring.isDown(slot)) return;
    this.#ring.up(slot);
    this.#updateRing();
  }

  /**
   * Changes the number of slots in the ring. Only the clients that the ring must move are moved. First every handoff prepares the change,
   * then all commit it. Throws what the first one throws that cannot prepare it; everything is then as before.
   */
  resize(slots: number): void {
    this.#prepareResize(slots);
    this.#ring.resize(slots);
    this.#updateRing();
    // The process of a new slot may have ended or stalled while the other slots were waited for.
    for (let slot = 0; slot < slots; slot++) {
      const worker = this.#hooks.attachedIn(slot);
      if (!worker) this.startGrace(slot);
      else if (worker.stalled) this.markDown(slot);
    }
  }

  #prepareResize(slots: number): void {
    const { buckets, key, ipv6Prefix } = this.#ring;
    const next = new SlotRing({ slots, buckets, key, ipv6Prefix });
    const prepared: PrimaryHandoff[] = [];
    try {
      for (const { handoff } of this.#hooks.listeners()) {
        handoff.prepareResize?.(next);
        prepared.push(handoff);
      }
    } catch (error) {
      for (const handoff of prepared) handoff.abortResize?.();
      throw error;
    }
  }

  /** No slot goes down by itself any more. */
  end(): void {
    for (const slot of [...this.#graceTimers.keys()]) this.#endGrace(slot);
  }

  #endGrace(slot: number): void {
    clearTimeout(this.#graceTimers.get(slot));
    this.#graceTimers.delete(slot);
  }

  #updateRing(): void {
    for (const { handoff } of this.#hooks.listeners()) handoff.updateRing(this.#ring);
    this.#hooks.changed();
  }
}
