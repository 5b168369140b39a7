import type { Worker } from 'node:cluster';
import type { RawHandle } from '../../../connection.js';
import type { WorkerEndpoint } from '../../../handoff/contract.js';
import { type PrimaryMessage, send, type WorkerVitals } from '../../protocol.js';
import { type ExitReason, Lifecycle, type RestartCause } from './lifecycle.js';

/** A worker process in its slot, as the primary sees it. During a reload a slot has several. */
export class WorkerProcess {
  readonly life: Lifecycle = new Lifecycle(Date.now());
  /** Listeners that the app in the process asked for, by key. */
  readonly asked: Set<string> = new Set();
  /** Listeners whose servers the process has opened. */
  readonly opened: Set<number> = new Set();
  /** True between being given its slot's clients and leaving them. */
  attached = false;
  stalled = false;
  /** When it last gave a sign of life, ms since the epoch; infinity while a debugger may hold it. */
  heardAt: number = Date.now();
  vitals: WorkerVitals | undefined;
  /** Why the primary ended it, if it did. */
  exitReason: ExitReason | undefined;
  #stopped: (() => void) | undefined;

  constructor(
    readonly slot: number,
    readonly index: number,
    readonly child: Worker,
  ) {}

  get pid(): number | undefined {
    return this.child.process.pid;
  }

  send(message: PrimaryMessage, handle?: RawHandle): boolean {
    return send(this.child.process, message, handle);
  }

  /** Its face towards the handoff of one listener. */
  endpointFor(listener: number): WorkerEndpoint {
    return {
      slot: this.slot,
      workerIndex: this.index,
      send: (body, handle) => this.send({ type: 'handoff', listener, body }, handle),
    };
  }

  /** Asks it to take nothing new; resolves when it says so, when it is gone, or after `patienceMs`. */
  stopAccepting(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#stopped = () => {
        clearTimeout(timer);
        resolve();
      };
      this.child.once('exit', this.#stopped);
      if (!this.send({ type: 'stop' })) this.#stopped();
    });
  }

  /** It said that it takes nothing new. */
  stopped(): void {
    this.#stopped?.();
  }

  kill(reason: string, cause: RestartCause = 'signal'): void {
    this.exitReason ??= { reason, cause };
    this.child.process.kill('SIGKILL');
  }

  /** Kills it unless it is gone by then. */
  killAfter(ms: number): void {
    const timer = setTimeout(() => this.kill(`still there ${ms} ms after it was told to leave`), ms);
    this.child.once('exit', () => clearTimeout(timer));
  }
}
