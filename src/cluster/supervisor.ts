import type { RawHandle } from '../connection.js';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';
import type { CheckedRouterOptions } from '../options.js';
import { receive, type WorkerMessage } from './messages.js';
import { forkWorker, Occupant } from './occupant.js';
import { Respawn, type SlotState } from './slot.js';

/** How the supervisor tells the router; each is called with the state already changed. */
export interface SupervisorHooks {
  /** Descriptors that a new process of `slot` inherits. */
  inherit(slot: number): readonly number[];
  message(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void;
  /** The process takes nothing new any more; `gone` when it is dead. */
  left(occupant: Occupant, gone: boolean): void;
  stalled(occupant: Occupant, stalled: boolean): void;
  /** A slot's process changed its state. */
  changed(occupant: Occupant): void;
  /** Processes of the slot keep dying young; told once. */
  crashLoop(slot: number, error: LimpetError): void;
  /** No process of any slot was ever ready, and all keep dying: there is no use in going on. */
  neverStarted(error: LimpetError): void;
}

interface SlotRecord {
  readonly number: number;
  readonly respawn: Respawn;
  current: Occupant | undefined;
  readonly leaving: Set<Occupant>;
  timer: NodeJS.Timeout | undefined;
  everReady: boolean;
}

/** Deaths of every slot, none ever ready, after which the start is given up. */
const startAttempts = 3;
/** A process whose channel closed and that did not exit for so long is leaving, not dying. */
const disconnectedAliveMs = 100;

/** Keeps a process in every slot: forks, listens for signs of life, replaces the dead. */
export class Supervisor {
  readonly #slots: SlotRecord[] = [];
  readonly #options: CheckedRouterOptions;
  readonly #hooks: SupervisorHooks;
  readonly #rows: number[];
  readonly #watch: NodeJS.Timeout;
  readonly #lookEveryMs: number;
  #lookedAt: number = Date.now();
  #closing = false;

  constructor(options: CheckedRouterOptions, rows: number, hooks: SupervisorHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#rows = Array.from({ length: rows }, (_, i) => rows - 1 - i);
    this.#lookEveryMs = Math.min(1000, Math.max(10, Math.floor((options.stallTimeoutMs || 4000) / 4)));
    this.#watch = setInterval(() => this.#look(), this.#lookEveryMs);
    this.#watch.unref();
  }

  get slots(): readonly Readonly<SlotRecord>[] {
    return this.#slots;
  }

  /** Every living process, seated or not. */
  *occupants(): Generator<Occupant> {
    for (const slot of this.#slots) {
      if (slot.current) yield slot.current;
      yield* slot.leaving;
    }
  }

  /** Forks a process for each of `count` slots, before it returns. */
  start(count: number): void {
    for (let number = this.#slots.length; number < count; number++) {
      const slot: SlotRecord = {
        number,
        respawn: new Respawn(),
        current: undefined,
        leaving: new Set(),
        timer: undefined,
        everReady: false,
      };
      this.#slots.push(slot);
      this.#fork(slot);
    }
  }

  /** The process has opened all it must: it is the one that serves its slot now. */
  ready(occupant: Occupant): void {
    const slot = this.#slots[occupant.slot] as SlotRecord;
    slot.everReady = true;
    this.#move(occupant, 'ready', 'its servers are open');
  }

  /** The process leaves of its own accord (its server was closed): its slot gets a new one at once. */
  leaves(occupant: Occupant, reason: string): void {
    if (!this.#move(occupant, 'draining', reason)) return;
    this.#hooks.left(occupant, false);
    const slot = this.#slots[occupant.slot] as SlotRecord;
    if (slot.current === occupant) {
      slot.current = undefined;
      slot.leaving.add(occupant);
      if (!this.#closing) this.#fork(slot);
    }
    this.#endAfter(occupant, this.#options.drainTimeoutMs + 1000);
  }

  /** Drains every process; resolves when the last is gone. */
  async close(reason: string): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    for (const slot of this.#slots) clearTimeout(slot.timer);
    const all = [...this.occupants()];
    const ends = all.map(
      (occupant) => new Promise<void>((done) => occupant.worker.once('exit', () => done())),
    );
    for (const occupant of all) {
      if (occupant.life.state === 'starting') {
        occupant.kill(reason);
        continue;
      }
      this.#move(occupant, 'draining', reason);
      occupant.send({ type: 'drain', timeoutMs: this.#options.drainTimeoutMs, reason });
      this.#endAfter(occupant, this.#options.drainTimeoutMs + 1000);
    }
    await Promise.all(ends);
  }

  /** Ends every process now. */
  kill(reason: string): void {
    this.#closing = true;
    clearInterval(this.#watch);
    for (const slot of this.#slots) clearTimeout(slot.timer);
    for (const occupant of this.occupants()) occupant.kill(reason);
  }

  #fork(slot: SlotRecord): void {
    const row = this.#rows.pop();
    if (row === undefined) throw new Error('more processes than rows');
    let occupant: Occupant;
    try {
      const worker = forkWorker(this.#options, slot.number, row, this.#hooks.inherit(slot.number));
      occupant = new Occupant(slot.number, row, worker);
    } catch (error) {
      this.#rows.push(row);
      publish('limpet:fault', () => ({ where: 'fork', error }));
      this.#again(slot, {
        startedAt: Date.now(),
        pid: undefined,
        reason: `fork failed: ${(error as Error).message}`,
      });
      return;
    }
    slot.current = occupant;
    const { worker } = occupant;
    receive<WorkerMessage>(worker.process, (message, handle) => this.#received(occupant, message, handle));
    // An 'error' without a listener would end the primary; whatever it was, exit tells what became of the process.
    worker.on('error', (error) => {
      publish('limpet:fault', () => ({ where: `worker of slot ${slot.number}`, error }));
      if (worker.process.pid === undefined)
        this.#gone(slot, occupant, `could not be forked: ${error.message}`);
    });
    // Messages that the process had sent before it died are read until 'disconnect': only then is it known what it took.
    const end = { exit: '', disconnected: false };
    const over = () => {
      if (end.exit !== '' && end.disconnected) this.#gone(slot, occupant, occupant.endedFor ?? end.exit);
    };
    worker.on('disconnect', () => {
      end.disconnected = true;
      over();
      // The app may have let go of the channel while its process lives on: nothing more can be handed to it.
      setTimeout(() => this.leaves(occupant, 'disconnected'), disconnectedAliveMs).unref();
    });
    worker.on('exit', (code, signal) => {
      end.exit = signal ? `killed by ${signal}` : `exited with code ${code}`;
      end.disconnected ||= !worker.isConnected();
      over();
    });
    this.#hooks.changed(occupant);
  }

  #received(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void {
    occupant.heardAt = Date.now();
    if (occupant.stalled) this.#stalled(occupant, false);
    if (message.type === 'beat') {
      occupant.vitals = { open: message.open, lagMs: message.lagMs, rssBytes: message.rssBytes };
      if (message.debugger) occupant.heardAt = Number.POSITIVE_INFINITY;
      return;
    }
    if (message.type === 'leaving') {
      this.leaves(occupant, message.reason);
      return;
    }
    this.#hooks.message(occupant, message, handle);
  }

  #gone(slot: SlotRecord, occupant: Occupant, reason: string): void {
    const was: SlotState = occupant.life.state;
    if (!this.#move(occupant, 'gone', reason)) return;
    this.#rows.push(occupant.row);
    slot.leaving.delete(occupant);
    const wasCurrent = slot.current === occupant;
    if (wasCurrent) slot.current = undefined;
    this.#hooks.left(occupant, true);
    if (!wasCurrent || this.#closing || was === 'draining') {
      if (wasCurrent && !this.#closing) this.#fork(slot);
      return;
    }
    this.#again(slot, { startedAt: occupant.life.startedAt, pid: occupant.pid, reason });
  }

  #again(slot: SlotRecord, life: { startedAt: number; pid: number | undefined; reason: string }): void {
    const { delayMs, crashLoop } = slot.respawn.died(life, Date.now());
    if (this.#slots.every((each) => !each.everReady && each.respawn.shortLives >= startAttempts)) {
      this.#hooks.neverStarted(
        new LimpetError(
          'ERR_LIMPET_WORKER_START',
          `no worker became ready: each of ${this.#slots.length} ended ${startAttempts} times (last: ${life.reason}). ` +
            'Run the worker file by itself to see its error.',
          { reason: life.reason, attempts: startAttempts },
        ),
      );
      return;
    }
    if (crashLoop) {
      this.#hooks.crashLoop(
        slot.number,
        new LimpetError(
          'ERR_LIMPET_WORKER_START',
          `slot ${slot.number}: its worker keeps ending within a minute (last: ${life.reason}). It is tried again at most ` +
            'every 10 s; its clients are served by the other slots. Look at the worker’s own output.',
          { slot: slot.number, reason: life.reason },
        ),
      );
    }
    if (delayMs === 0) this.#fork(slot);
    else slot.timer = setTimeout(() => this.#fork(slot), delayMs);
  }

  #move(occupant: Occupant, to: SlotState, reason: string): boolean {
    if (!occupant.life.move(to, reason, Date.now())) return false;
    publish('limpet:slot', () => ({ slot: occupant.slot, pid: occupant.pid, state: to, reason }));
    this.#hooks.changed(occupant);
    return true;
  }

  #look(): void {
    const now = Date.now();
    // After a halt of the primary itself, what the workers said meanwhile is still unread: judge nobody by this round.
    const late = now - this.#lookedAt > 2 * this.#lookEveryMs;
    this.#lookedAt = now;
    if (late) return;
    const { stallTimeoutMs, stallKillMs, readyTimeoutMs } = this.#options;
    for (const occupant of this.occupants()) {
      const silentMs = now - occupant.heardAt;
      if (occupant.life.state === 'ready' && stallTimeoutMs > 0 && silentMs > stallTimeoutMs) {
        if (!occupant.stalled) this.#stalled(occupant, true);
        if (stallKillMs > 0 && silentMs > stallKillMs) occupant.kill(`stalled for ${silentMs} ms`);
      }
      if (
        occupant.life.state === 'starting' &&
        readyTimeoutMs > 0 &&
        now - occupant.life.since > readyTimeoutMs
      ) {
        occupant.kill(`not ready within ${readyTimeoutMs} ms`);
      }
    }
  }

  #stalled(occupant: Occupant, stalled: boolean): void {
    occupant.stalled = stalled;
    this.#hooks.stalled(occupant, stalled);
  }

  #endAfter(occupant: Occupant, ms: number): void {
    const timer = setTimeout(() => occupant.kill(`still there ${ms} ms after it was told to leave`), ms);
    occupant.worker.once('exit', () => clearTimeout(timer));
  }
}
