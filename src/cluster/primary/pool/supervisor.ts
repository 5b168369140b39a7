import type { RawHandle } from '../../../connection.js';
import { publish } from '../../../diagnostics.js';
import type { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { receive, type WorkerMessage, type WorkerVitals } from '../../protocol.js';
import { type ExitReason, watchExit } from './exit-reason.js';
import type { SlotState } from './lifecycle.js';
import { Liveness } from './liveness.js';
import type { EndedWorker } from './restart-backoff.js';
import { Slot } from './slot.js';
import { crashLoopError, neverStarted, replacementFailed } from './start-failures.js';
import type { WorkerProcess } from './worker-process.js';
import type { WorkerSpawner } from './worker-spawner.js';

/** The calls of the supervisor to the worker pool. Each comes after the state has changed. */
export interface SupervisorHooks {
  /** A message that the supervisor does not handle itself. */
  message(worker: WorkerProcess, message: WorkerMessage, handle: RawHandle | undefined): void;
  /** The process accepts nothing new. Called when it begins to drain, and with `gone` when it has ended. */
  left(worker: WorkerProcess, gone: boolean): void;
  stalled(worker: WorkerProcess, stalled: boolean): void;
  beat(worker: WorkerProcess, vitals: WorkerVitals): void;
  /** The lifecycle of the process has begun or moved on. */
  changed(worker: WorkerProcess): void;
  /** Eight processes of a slot in a row lived less than a minute each. */
  crashLoop(error: LimpetError): void;
  /** No process of any slot was ever ready, and three in each slot have ended. The start is given up. */
  neverStarted(error: LimpetError): void;
}

/** If this many processes of every slot end and none was ever ready, the start is given up. */
const startAttempts = 3;
/** A draining process may exit this much later than its drain time, to send what it has written. */
const exitSlackMs = 1000;

/** Keeps a process in every slot: starts it, and replaces it when it has ended or a reload is asked for. */
export class Supervisor {
  readonly #slots: Slot[] = [];
  readonly #options: CheckedRouterOptions;
  readonly #spawner: WorkerSpawner;
  readonly #hooks: SupervisorHooks;
  readonly #liveness: Liveness;
  #closing = false;

  constructor(options: CheckedRouterOptions, spawner: WorkerSpawner, hooks: SupervisorHooks) {
    this.#options = options;
    this.#spawner = spawner;
    this.#hooks = hooks;
    this.#liveness = new Liveness(options, () => this.workers(), hooks.stalled);
  }

  /** All slots so far, those taken away included. The index is the slot's number. */
  get slots(): readonly Readonly<Slot>[] {
    return this.#slots;
  }

  /** All living processes, attached or not. */
  *workers(): Generator<WorkerProcess> {
    for (const slot of this.#slots) yield* slot.workers();
  }

  /** Makes slots up to `count`. Before it returns, it forks a process for each slot that has none. */
  start(count: number): void {
    for (let number = 0; number < count; number++) {
      this.#slots[number] ??= new Slot(number);
      const slot = this.#slots[number] as Slot;
      slot.retired = false;
      if (!slot.current && !slot.forkTimer) this.#forkInto(slot);
    }
  }

  /** The process serves its slot from now on. If it replaces another one, that one drains. */
  markReady(worker: WorkerProcess, reason: string): void {
    const slot = this.#slotOf(worker);
    slot.everReady = true;
    const { next, current } = slot;
    if (next?.worker === worker) {
      slot.next = undefined;
      slot.current = worker;
      if (current && current !== worker) {
        slot.backoff.countRestart('reload');
        this.#drain(current, 'replaced by a reload');
      }
    }
    this.#move(worker, 'ready', reason);
    if (next?.worker === worker) next.settle();
  }

  /**
   * Forks a process that replaces the one in the slot. Resolves when the new one serves. Rejects with ERR_LIMPET_WORKER_START if it
   * cannot be forked or ends before that. Then the old one serves on.
   */
  replace(number: number): Promise<void> {
    const slot = this.#slots[number] as Slot;
    slot.backoff.reset();
    slot.cancelFork();
    return new Promise((resolve, reject) => {
      const worker = this.#spawn(slot);
      if (typeof worker === 'string') {
        reject(replacementFailed(number, worker));
        return;
      }
      slot.next = { worker, settle: (error) => (error ? reject(error) : resolve()) };
      slot.current ??= worker;
    });
  }

  /** Takes away the slots from `count` on. Their processes drain. */
  retire(count: number): void {
    for (const slot of this.#slots.slice(count)) {
      slot.cancelFork();
      slot.retired = true;
      const { current } = slot;
      slot.current = undefined;
      if (current) this.#drain(current, 'its slot was taken away');
      if (slot.next) slot.next.worker.kill('its slot was taken away');
    }
  }

  /** Drains all processes. Resolves when the last one has ended. */
  async close(reason: string): Promise<void> {
    this.#end();
    const ends = [...this.workers()].map(async (worker) => {
      if (worker.child.isDead()) return;
      const exited = new Promise<void>((resolve) => worker.child.once('exit', () => resolve()));
      if (worker.lifecycle.state === 'starting') worker.kill(reason);
      else this.#drain(worker, reason, true);
      await exited;
    });
    await Promise.all(ends);
  }

  /** Kills all processes now. */
  kill(reason: string): void {
    this.#end();
    for (const worker of this.workers()) worker.kill(reason);
  }

  #end(): void {
    this.#closing = true;
    this.#liveness.stop();
    for (const slot of this.#slots) clearTimeout(slot.forkTimer);
  }

  /** Tells a process to finish what it has and to exit. A draining process is told again only if the router closes (`last`). */
  #drain(worker: WorkerProcess, reason: string, last = false): void {
    const begins = this.#move(worker, 'draining', reason);
    if (!begins && !last) return;
    if (begins) {
      this.#slotOf(worker).leaving.add(worker);
      this.#hooks.left(worker, false);
      worker.killAfter(this.#drainLimitMs());
    }
    worker.send({ type: 'drain', timeoutMs: this.#options.drainTimeoutMs, reason, last });
  }

  /** The process drains by itself, for example because the app closed its server. Its slot gets a new one, as after an exit. */
  #leave(worker: WorkerProcess, reason: string): void {
    if (!this.#move(worker, 'draining', reason)) return;
    const slot = this.#slotOf(worker);
    this.#hooks.left(worker, false);
    slot.leaving.add(worker);
    worker.killAfter(this.#drainLimitMs());
    if (slot.current !== worker) return;
    slot.current = slot.next?.worker;
    if (!slot.current) this.#respawn(slot, { ...lifeOf(worker), reason, cause: 'left' });
  }

  /** A draining process that still runs after this time is killed. */
  #drainLimitMs(): number {
    return this.#options.noticeMs + this.#options.drainTimeoutMs + exitSlackMs;
  }

  #forkInto(slot: Slot): void {
    slot.forkTimer = undefined;
    if (this.#closing || slot.retired) return;
    const worker = this.#spawn(slot);
    if (typeof worker === 'string') {
      this.#respawn(slot, { pid: undefined, livedMs: 0, reason: worker, cause: 'not forked' });
    } else slot.current = worker;
  }

  /** Returns the new process. If there is none, returns the reason. */
  #spawn(slot: Slot): WorkerProcess | string {
    const worker = this.#spawner.spawn(slot.number);
    if (typeof worker === 'string') return worker;
    receive<WorkerMessage>(worker.child.process, (message, handle) =>
      this.#received(worker, message, handle),
    );
    watchExit(worker, {
      gone: (exit) => this.#gone(slot, worker, exit),
      // The app may close the channel while its process lives on.
      disconnected: () => this.#leave(worker, 'it disconnected'),
    });
    this.#hooks.changed(worker);
    return worker;
  }

  #received(worker: WorkerProcess, message: WorkerMessage, handle: RawHandle | undefined): void {
    this.#liveness.recordMessage(worker, message.type === 'beat' && message.debugger);
    switch (message.type) {
      case 'beat':
        this.#hooks.beat(worker, message);
        break;
      case 'leaving':
        this.#leave(worker, message.reason);
        break;
      case 'stopped':
        worker.confirmStop();
        break;
      default:
        this.#hooks.message(worker, message, handle);
    }
  }

  #gone(slot: Slot, worker: WorkerProcess, { reason, cause }: ExitReason): void {
    if (!this.#move(worker, 'gone', reason)) return;
    this.#spawner.releaseIndex(worker);
    slot.leaving.delete(worker);
    const { current, next } = slot;
    if (next?.worker === worker) slot.next = undefined;
    if (current === worker) slot.current = slot.next?.worker;
    this.#hooks.left(worker, true);
    if (next?.worker === worker) next.settle(replacementFailed(slot.number, reason));
    if (current !== worker || slot.current) return;
    this.#respawn(slot, { ...lifeOf(worker), reason, cause });
  }

  /** The slot lost its process and nothing had asked for it. Forks the next one after the backoff. */
  #respawn(slot: Slot, ended: EndedWorker): void {
    if (this.#closing || slot.retired) return;
    const { reason } = ended;
    const { delayMs, crashLoop } = slot.backoff.recordExit(ended, Date.now());
    if (this.#slots.every(({ everReady, backoff }) => !everReady && backoff.shortLives >= startAttempts)) {
      this.#hooks.neverStarted(neverStarted(this.#slots.length, startAttempts, reason));
      return;
    }
    if (crashLoop) this.#hooks.crashLoop(crashLoopError(slot.number, reason));
    if (delayMs === 0) this.#forkInto(slot);
    else slot.forkTimer = setTimeout(() => this.#forkInto(slot), delayMs);
  }

  #move(worker: WorkerProcess, to: SlotState, reason: string): boolean {
    if (!worker.lifecycle.move(to, reason, Date.now())) return false;
    publish('limpet:slot', () => ({ slot: worker.slot, pid: worker.pid, state: to, reason }));
    this.#hooks.changed(worker);
    return true;
  }

  #slotOf(worker: WorkerProcess): Slot {
    return this.#slots[worker.slot] as Slot;
  }
}

function lifeOf({ pid, forkedAt }: WorkerProcess): { pid: number | undefined; livedMs: number } {
  return { pid, livedMs: performance.now() - forkedAt };
}
