import type { RawHandle } from '../../../connection.js';
import { publish } from '../../../diagnostics.js';
import type { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { receive, type Vitals, type WorkerMessage } from '../../protocol.js';
import { awaitEnding } from './exit-reason.js';
import { forkWorker } from './fork.js';
import { Vigil } from './liveness.js';
import { newSlot, occupantsOf, type SlotRecord } from './slot-record.js';
import type { Ending, SlotState } from './slot-states.js';
import { crashLooping, neverStarted, replacementFailed } from './start-failures.js';
import { Occupant } from './worker-process.js';

/** How the supervisor tells the router; each is called with the state already changed. */
export interface SupervisorHooks {
  /** Descriptors that a new process of `slot` inherits. */
  inherit(slot: number): readonly number[];
  message(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void;
  /** The process takes nothing new any more; `gone` when it is dead. */
  left(occupant: Occupant, gone: boolean): void;
  stalled(occupant: Occupant, stalled: boolean): void;
  /** What the process says of itself. */
  beat(occupant: Occupant, vitals: Vitals): void;
  /** A slot's process changed its state. */
  changed(occupant: Occupant): void;
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
  readonly #rows: number[];
  readonly #vigil: Vigil;
  #closing = false;

  constructor(options: CheckedRouterOptions, rows: number, hooks: SupervisorHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#rows = Array.from({ length: rows }, (_, i) => rows - 1 - i);
    this.#vigil = new Vigil(options, () => this.occupants(), hooks.stalled);
  }

  get slots(): readonly Readonly<SlotRecord>[] {
    return this.#slots;
  }

  /** Every living process, seated or not. */
  *occupants(): Generator<Occupant> {
    for (const slot of this.#slots) yield* occupantsOf(slot);
  }

  /** Makes slots up to `count` and forks a process for each new one, before it returns. */
  start(count: number): void {
    for (let number = 0; number < count; number++) {
      this.#slots[number] ??= newSlot(number);
      const slot = this.#slots[number] as SlotRecord;
      slot.retired = false;
      if (!slot.current && !slot.timer) this.#fill(slot);
    }
  }

  /** The process serves its slot from now on, and whoever served it before drains. */
  ready(occupant: Occupant, reason: string): void {
    const slot = this.#slotOf(occupant);
    slot.everReady = true;
    const { next, current } = slot;
    if (next?.occupant === occupant) {
      slot.next = undefined;
      slot.current = occupant;
      if (current && current !== occupant) {
        slot.respawn.counted('reload');
        this.#dismiss(current, 'replaced by a reload');
      }
    }
    this.#move(occupant, 'ready', reason);
    if (next?.occupant === occupant) next.settle();
  }

  /** Starts a successor for the slot's process. Resolves when it serves; rejects, and nothing has changed, when it cannot. */
  replace(number: number): Promise<void> {
    const slot = this.#slots[number] as SlotRecord;
    slot.respawn.forgive();
    clearTimeout(slot.timer);
    slot.timer = undefined;
    return new Promise((resolve, reject) => {
      const occupant = this.#fork(slot);
      if (typeof occupant === 'string') {
        reject(replacementFailed(number, occupant));
        return;
      }
      slot.next = { occupant, settle: (error) => (error ? reject(error) : resolve()) };
      slot.current ??= occupant;
    });
  }

  /** The process leaves of its own accord (its server was closed): its slot gets a new one, as after a death. */
  leaves(occupant: Occupant, reason: string): void {
    if (!this.#move(occupant, 'draining', reason)) return;
    const slot = this.#slotOf(occupant);
    this.#hooks.left(occupant, false);
    slot.leaving.add(occupant);
    occupant.killAfter(this.#leaveMs());
    if (slot.current !== occupant) return;
    slot.current = slot.next?.occupant;
    if (!slot.current) this.#again(slot, { ...lifeOf(occupant), reason, cause: 'left' });
  }

  /** Takes the slots from `count` on away; their processes drain. */
  retire(count: number): void {
    for (const slot of this.#slots.slice(count)) {
      clearTimeout(slot.timer);
      slot.timer = undefined;
      slot.retired = true;
      const { current } = slot;
      slot.current = undefined;
      if (current) this.#dismiss(current, 'its slot was taken away');
      if (slot.next) slot.next.occupant.kill('its slot was taken away');
    }
  }

  /** Drains every process; resolves when the last is gone. */
  async close(reason: string): Promise<void> {
    this.#end();
    const ends = [...this.occupants()].map(async (occupant) => {
      if (occupant.worker.isDead()) return;
      const gone = new Promise<void>((done) => occupant.worker.once('exit', () => done()));
      if (occupant.life.state === 'starting') occupant.kill(reason);
      else this.#dismiss(occupant, reason, true);
      await gone;
    });
    await Promise.all(ends);
  }

  /** Ends every process now. */
  kill(reason: string): void {
    this.#end();
    for (const occupant of this.occupants()) occupant.kill(reason);
  }

  #end(): void {
    this.#closing = true;
    this.#vigil.end();
    for (const slot of this.#slots) clearTimeout(slot.timer);
  }

  /** Tells a process to finish what it has and go. One that is going already hears it again when it is the `last` word. */
  #dismiss(occupant: Occupant, reason: string, last = false): void {
    const goes = this.#move(occupant, 'draining', reason);
    if (!goes && !last) return;
    const { drainTimeoutMs } = this.#options;
    if (goes) {
      this.#slotOf(occupant).leaving.add(occupant);
      this.#hooks.left(occupant, false);
      occupant.killAfter(this.#leaveMs());
    }
    occupant.send({ type: 'drain', timeoutMs: drainTimeoutMs, reason, last });
  }

  /** The longest that a leaving process may take. */
  #leaveMs(): number {
    return this.#options.noticeMs + this.#options.drainTimeoutMs + lastWordsMs;
  }

  #fill(slot: SlotRecord): void {
    slot.timer = undefined;
    if (this.#closing || slot.retired) return;
    const forked = this.#fork(slot);
    if (typeof forked === 'string')
      this.#again(slot, { startedAt: Date.now(), pid: undefined, reason: forked, cause: 'not forked' });
    else slot.current = forked;
  }

  /** The new process, or why there is none. */
  #fork(slot: SlotRecord): Occupant | string {
    const row = this.#rows.pop();
    if (row === undefined) return 'too many processes are still draining';
    let occupant: Occupant;
    try {
      const worker = forkWorker(this.#options, slot.number, row, this.#hooks.inherit(slot.number));
      occupant = new Occupant(slot.number, row, worker);
    } catch (error) {
      this.#rows.push(row);
      publish('limpet:fault', () => ({ where: 'fork', error }));
      return `it could not be forked: ${(error as Error).message}`;
    }
    this.#attend(slot, occupant);
    this.#hooks.changed(occupant);
    return occupant;
  }

  #attend(slot: SlotRecord, occupant: Occupant): void {
    receive<WorkerMessage>(occupant.worker.process, (message, handle) =>
      this.#received(occupant, message, handle),
    );
    awaitEnding(occupant, {
      gone: (ending) => this.#gone(slot, occupant, ending),
      // The app may have let go of the channel while its process lives on.
      disconnected: () => this.leaves(occupant, 'it disconnected'),
    });
  }

  #received(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void {
    this.#vigil.heard(occupant, message.type === 'beat' && message.debugger);
    switch (message.type) {
      case 'beat':
        this.#hooks.beat(occupant, message);
        break;
      case 'leaving':
        this.leaves(occupant, message.reason);
        break;
      case 'stopped':
        occupant.stopped();
        break;
      default:
        this.#hooks.message(occupant, message, handle);
    }
  }

  #gone(slot: SlotRecord, occupant: Occupant, { reason, cause }: Ending): void {
    if (!this.#move(occupant, 'gone', reason)) return;
    this.#rows.push(occupant.row);
    slot.leaving.delete(occupant);
    const { current, next } = slot;
    if (next?.occupant === occupant) slot.next = undefined;
    if (current === occupant) slot.current = slot.next?.occupant;
    this.#hooks.left(occupant, true);
    if (next?.occupant === occupant) next.settle(replacementFailed(slot.number, reason));
    if (current !== occupant || slot.current) return;
    this.#again(slot, { ...lifeOf(occupant), reason, cause });
  }

  /** A death or a leaving that was not asked for: notes it, and tries again after the pause that it earns. */
  #again(slot: SlotRecord, life: Ending & { startedAt: number; pid: number | undefined }): void {
    if (this.#closing || slot.retired) return;
    const { reason } = life;
    const { delayMs, crashLoop } = slot.respawn.died(life, Date.now());
    if (this.#slots.every((each) => !each.everReady && each.respawn.shortLives >= startAttempts)) {
      this.#hooks.neverStarted(neverStarted(this.#slots.length, startAttempts, reason));
      return;
    }
    if (crashLoop) this.#hooks.crashLoop(crashLooping(slot.number, reason));
    if (delayMs === 0) this.#fill(slot);
    else slot.timer = setTimeout(() => this.#fill(slot), delayMs);
  }

  #move(occupant: Occupant, to: SlotState, reason: string): boolean {
    if (!occupant.life.move(to, reason, Date.now())) return false;
    publish('limpet:slot', () => ({ slot: occupant.slot, pid: occupant.pid, state: to, reason }));
    this.#hooks.changed(occupant);
    return true;
  }

  #slotOf(occupant: Occupant): SlotRecord {
    return this.#slots[occupant.slot] as SlotRecord;
  }
}

function lifeOf({ life, pid }: Occupant): { startedAt: number; pid: number | undefined } {
  return { startedAt: life.startedAt, pid };
}
