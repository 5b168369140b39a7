import type { RawHandle } from '../../../connection.js';
import { publish } from '../../../diagnostics.js';
import type { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { receive, type WorkerMessage, type WorkerVitals } from '../../protocol.js';
import { watchExit } from './exit-reason.js';
import { forkWorker } from './fork.js';
import type { ExitReason, SlotState } from './lifecycle.js';
import { Liveness } from './liveness.js';
import { newSlot, type SlotRecord, workersOf } from './slot.js';
import { crashLoopError, neverStarted, replacementFailed } from './start-failures.js';
import { WorkerProcess } from './worker-process.js';

/** How the supervisor tells the router; each is called with the state already changed. */
export interface SupervisorHooks {
  /** Descriptors that a new process of `slot` inherits. */
  inheritedDescriptors(slot: number): readonly number[];
  message(worker: WorkerProcess, message: WorkerMessage, handle: RawHandle | undefined): void;
  /** The process takes nothing new any more; `gone` when it is dead. */
  left(worker: WorkerProcess, gone: boolean): void;
  stalled(worker: WorkerProcess, stalled: boolean): void;
  /** What the process says of itself. */
  beat(worker: WorkerProcess, vitals: WorkerVitals): void;
  /** A slot's process changed its state. */
  changed(worker: WorkerProcess): void;
  /** Processes of the slot keep dying young; told once. */
  crashLoop(error: LimpetError): void;
  /** No process of any slot was ever ready, and all keep dying: there is no use in going on. */
  neverStarted(error: LimpetError): void;
}

/** Deaths of every slot, none ever ready, after which the start is given up. */
const startAttempts = 3;
/** What a leaving process gets beyond its drain time to say its last words. */
const lastWordsMs = 1000;

/** Keeps a process in every slot: forks, replaces the dead and the outdated. */
export class Supervisor {
  readonly #slots: SlotRecord[] = [];
  readonly #options: CheckedRouterOptions;
  readonly #hooks: SupervisorHooks;
  readonly #freeIndexes: number[];
  readonly #liveness: Liveness;
  #closing = false;

  constructor(options: CheckedRouterOptions, rows: number, hooks: SupervisorHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#freeIndexes = Array.from({ length: rows }, (_, i) => rows - 1 - i);
    this.#liveness = new Liveness(options, () => this.workers(), hooks.stalled);
  }

  get slots(): readonly Readonly<SlotRecord>[] {
    return this.#slots;
  }

  /** Every living process, seated or not. */
  *workers(): Generator<WorkerProcess> {
    for (const slot of this.#slots) yield* workersOf(slot);
  }

  /** Makes slots up to `count` and forks a process for each new one, before it returns. */
  start(count: number): void {
    for (let number = 0; number < count; number++) {
      this.#slots[number] ??= newSlot(number);
      const slot = this.#slots[number] as SlotRecord;
      slot.retired = false;
      if (!slot.current && !slot.timer) this.#forkInto(slot);
    }
  }

  /** The process serves its slot from now on, and whoever served it before drains. */
  ready(worker: WorkerProcess, reason: string): void {
    const slot = this.#slotOf(worker);
    slot.everReady = true;
    const { next, current } = slot;
    if (next?.worker === worker) {
      slot.next = undefined;
      slot.current = worker;
      if (current && current !== worker) {
        slot.respawn.countRestart('reload');
        this.#drain(current, 'replaced by a reload');
      }
    }
    this.#move(worker, 'ready', reason);
    if (next?.worker === worker) next.settle();
  }

  /** Starts a successor for the slot's process. Resolves when it serves; rejects, and nothing has changed, when it cannot. */
  replace(number: number): Promise<void> {
    const slot = this.#slots[number] as SlotRecord;
    slot.respawn.reset();
    clearTimeout(slot.timer);
    slot.timer = undefined;
    return new Promise((resolve, reject) => {
      const worker = this.#fork(slot);
      if (typeof worker === 'string') {
        reject(replacementFailed(number, worker));
        return;
      }
      slot.next = { worker, settle: (error) => (error ? reject(error) : resolve()) };
      slot.current ??= worker;
    });
  }

  /** The process leaves of its own accord (its server was closed): its slot gets a new one, as after a death. */
  leaves(worker: WorkerProcess, reason: string): void {
    if (!this.#move(worker, 'draining', reason)) return;
    const slot = this.#slotOf(worker);
    this.#hooks.left(worker, false);
    slot.leaving.add(worker);
    worker.killAfter(this.#leaveMs());
    if (slot.current !== worker) return;
    slot.current = slot.next?.worker;
    if (!slot.current) this.#respawn(slot, { ...lifeOf(worker), reason, cause: 'left' });
  }

  /** Takes the slots from `count` on away; their processes drain. */
  retire(count: number): void {
    for (const slot of this.#slots.slice(count)) {
      clearTimeout(slot.timer);
      slot.timer = undefined;
      slot.retired = true;
      const { current } = slot;
      slot.current = undefined;
      if (current) this.#drain(current, 'its slot was taken away');
      if (slot.next) slot.next.worker.kill('its slot was taken away');
    }
  }

  /** Drains every process; resolves when the last is gone. */
  async close(reason: string): Promise<void> {
    this.#end();
    const ends = [...this.workers()].map(async (worker) => {
      if (worker.child.isDead()) return;
      const gone = new Promise<void>((done) => worker.child.once('exit', () => done()));
      if (worker.life.state === 'starting') worker.kill(reason);
      else this.#drain(worker, reason, true);
      await gone;
    });
    await Promise.all(ends);
  }

  /** Ends every process now. */
  kill(reason: string): void {
    this.#end();
    for (const worker of this.workers()) worker.kill(reason);
  }

  #end(): void {
    this.#closing = true;
    this.#liveness.end();
    for (const slot of this.#slots) clearTimeout(slot.timer);
  }

  /** Tells a process to finish what it has and go. One that is going already hears it again when it is the `last` word. */
  #drain(worker: WorkerProcess, reason: string, last = false): void {
    const goes = this.#move(worker, 'draining', reason);
    if (!goes && !last) return;
    const { drainTimeoutMs } = this.#options;
    if (goes) {
      this.#slotOf(worker).leaving.add(worker);
      this.#hooks.left(worker, false);
      worker.killAfter(this.#leaveMs());
    }
    worker.send({ type: 'drain', timeoutMs: drainTimeoutMs, reason, last });
  }

  /** The longest that a leaving process may take. */
  #leaveMs(): number {
    return this.#options.noticeMs + this.#options.drainTimeoutMs + lastWordsMs;
  }

  #forkInto(slot: SlotRecord): void {
    slot.timer = undefined;
    if (this.#closing || slot.retired) return;
    const forked = this.#fork(slot);
    if (typeof forked === 'string')
      this.#respawn(slot, { startedAt: Date.now(), pid: undefined, reason: forked, cause: 'not forked' });
    else slot.current = forked;
  }

  /** The new process, or why there is none. */
  #fork(slot: SlotRecord): WorkerProcess | string {
    const index = this.#freeIndexes.pop();
    if (index === undefined) return 'too many processes are still draining';
    let worker: WorkerProcess;
    try {
      const child = forkWorker(
        this.#options,
        slot.number,
        index,
        this.#hooks.inheritedDescriptors(slot.number),
      );
      worker = new WorkerProcess(slot.number, index, child);
    } catch (error) {
      this.#freeIndexes.push(index);
      publish('limpet:fault', () => ({ where: 'fork', error }));
      return `it could not be forked: ${(error as Error).message}`;
    }
    this.#watch(slot, worker);
    this.#hooks.changed(worker);
    return worker;
  }

  #watch(slot: SlotRecord, worker: WorkerProcess): void {
    receive<WorkerMessage>(worker.child.process, (message, handle) =>
      this.#received(worker, message, handle),
    );
    watchExit(worker, {
      gone: (ending) => this.#gone(slot, worker, ending),
      // The app may have let go of the channel while its process lives on.
      disconnected: () => this.leaves(worker, 'it disconnected'),
    });
  }

  #received(worker: WorkerProcess, message: WorkerMessage, handle: RawHandle | undefined): void {
    this.#liveness.heard(worker, message.type === 'beat' && message.debugger);
    switch (message.type) {
      case 'beat':
        this.#hooks.beat(worker, message);
        break;
      case 'leaving':
        this.leaves(worker, message.reason);
        break;
      case 'stopped':
        worker.stopped();
        break;
      default:
        this.#hooks.message(worker, message, handle);
    }
  }

  #gone(slot: SlotRecord, worker: WorkerProcess, { reason, cause }: ExitReason): void {
    if (!this.#move(worker, 'gone', reason)) return;
    this.#freeIndexes.push(worker.index);
    slot.leaving.delete(worker);
    const { current, next } = slot;
    if (next?.worker === worker) slot.next = undefined;
    if (current === worker) slot.current = slot.next?.worker;
    this.#hooks.left(worker, true);
    if (next?.worker === worker) next.settle(replacementFailed(slot.number, reason));
    if (current !== worker || slot.current) return;
    this.#respawn(slot, { ...lifeOf(worker), reason, cause });
  }

  /** A death or a leaving that was not asked for: notes it, and tries again after the pause that it earns. */
  #respawn(slot: SlotRecord, life: ExitReason & { startedAt: number; pid: number | undefined }): void {
    if (this.#closing || slot.retired) return;
    const { reason } = life;
    const { delayMs, crashLoop } = slot.respawn.died(life, Date.now());
    if (this.#slots.every((each) => !each.everReady && each.respawn.shortLives >= startAttempts)) {
      this.#hooks.neverStarted(neverStarted(this.#slots.length, startAttempts, reason));
      return;
    }
    if (crashLoop) this.#hooks.crashLoop(crashLoopError(slot.number, reason));
    if (delayMs === 0) this.#forkInto(slot);
    else slot.timer = setTimeout(() => this.#forkInto(slot), delayMs);
  }

  #move(worker: WorkerProcess, to: SlotState, reason: string): boolean {
    if (!worker.life.move(to, reason, Date.now())) return false;
    publish('limpet:slot', () => ({ slot: worker.slot, pid: worker.pid, state: to, reason }));
    this.#hooks.changed(worker);
    return true;
  }

  #slotOf(worker: WorkerProcess): SlotRecord {
    return this.#slots[worker.slot] as SlotRecord;
  }
}

function lifeOf({ life, pid }: WorkerProcess): { startedAt: number; pid: number | undefined } {
  return { startedAt: life.startedAt, pid };
}
