import type { Worker } from 'node:cluster';
import type { RawHandle } from '../../../connection.js';
import type { Seat } from '../../../handoff/contract.js';
import { type PrimaryMessage, send, type Vitals } from '../../protocol.js';
import { type Ending, Lifecycle, type RestartCause } from './slot-states.js';

/** A worker process in its slot, as the primary sees it. During a reload a slot has several. */
export class Occupant {
  readonly life: Lifecycle = new Lifecycle(Date.now());
  /** Listeners that the app in the process asked for, by key. */
  readonly asked: Set<string> = new Set();
  /** Listeners whose servers the process has opened. */
  readonly opened: Set<number> = new Set();
  /** True between being given its slot's clients and leaving them. */
  seated = false;
  stalled = false;
  /** When it last gave a sign of life, ms since the epoch; infinity while a debugger may hold it. */
  heardAt: number = Date.now();
  vitals: Vitals | undefined;
  /** Why the primary ended it, if it did. */
  endedFor: Ending | undefined;
  #stopped: (() => void) | undefined;

  constructor(
    readonly slot: number,
    readonly row: number,
    readonly worker: Worker,
  ) {}

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  send(message: PrimaryMessage, handle?: RawHandle): boolean {
    return send(this.worker.process, message, handle);
  }

  /** Its face towards the handoff of one listener. */
  seatFor(listener: number): Seat {
    return {
      slot: this.slot,
      row: this.row,
      send: (body, handle) => this.send({ type: 'handoff', listener, body }, handle),
    };
  }

  /** Asks it to take nothing new; resolves when it says so, when it is gone, or after `patienceMs`. */
  stopIntake(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#stopped = () => {
        clearTimeout(timer);
        resolve();
      };
      this.worker.once('exit', this.#stopped);
      if (!this.send({ type: 'stop' })) this.#stopped();
    });
  }

  /** It said that it takes nothing new. */
  stopped(): void {
    this.#stopped?.();
  }

  kill(reason: string, cause: RestartCause = 'signal'): void {
    this.endedFor ??= { reason, cause };
    this.worker.process.kill('SIGKILL');
  }

  /** Kills it unless it is gone by then. */
  killAfter(ms: number): void {
    const timer = setTimeout(() => this.kill(`still there ${ms} ms after it was told to leave`), ms);
    this.worker.once('exit', () => clearTimeout(timer));
  }
}
