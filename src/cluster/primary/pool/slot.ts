import type { LimpetError } from '../../../errors.js';
import { RestartBackoff } from './restart-backoff.js';
import type { WorkerProcess } from './worker-process.js';

/** A worker process that a reload has forked and that does not serve yet. */
interface Replacement {
  readonly worker: WorkerProcess;
  /** Ends the reload of this slot: without an error when the worker serves, with one when it cannot. */
  readonly settle: (error?: LimpetError) => void;
}

/** A slot and the worker processes in it. */
export class Slot {
  readonly backoff: RestartBackoff = new RestartBackoff();
  /** The process that serves the slot, or that will when it is ready. */
  current: WorkerProcess | undefined;
  /** The process that will replace `current`. */
  next: Replacement | undefined;
  /** Processes that drain. */
  readonly leaving: Set<WorkerProcess> = new Set();
  /** Runs until the next attempt to fork. */
  forkTimer: NodeJS.Timeout | undefined;
  /** Whether any process of the slot was ever ready. */
  everReady = false;
  /** Whether scaling down took the slot away. No process is forked for it. */
  retired = false;

  constructor(readonly number: number) {}

  /** All living processes of the slot, attached or not: first `current`, then `next`, then those that drain. */
  *workers(): Generator<WorkerProcess> {
    const { current, next } = this;
    if (current) yield current;
    if (next && next.worker !== current) yield next.worker;
    yield* this.leaving;
  }

  cancelFork(): void {
    clearTimeout(this.forkTimer);
    this.forkTimer = undefined;
  }
}
