import type { CheckedRouterOptions } from '../../../options.js';
import type { WorkerProcess } from './worker-process.js';

/** Watches the workers' signs of life: who is stalled, who is late to be ready. */
export class Liveness {
  readonly #options: CheckedRouterOptions;
  readonly #workers: () => Iterable<WorkerProcess>;
  readonly #stalled: (worker: WorkerProcess, stalled: boolean) => void;
  readonly #everyMs: number;
  readonly #timer: NodeJS.Timeout;
  #turn: NodeJS.Immediate | undefined;
  #lookedAt: number = Date.now();

  constructor(
    options: CheckedRouterOptions,
    workers: () => Iterable<WorkerProcess>,
    stalled: (worker: WorkerProcess, stalled: boolean) => void,
  ) {
    this.#options = options;
    this.#workers = workers;
    this.#stalled = stalled;
    this.#everyMs = Math.min(1000, Math.max(10, Math.floor((options.stallTimeoutMs || 4000) / 4)));
    // Timers come before what was received: what the workers said up to now is read in this turn, and judged after it.
    this.#timer = setInterval(() => {
      this.#turn = setImmediate(() => this.#check());
    }, this.#everyMs);
    this.#timer.unref();
  }

  /** The process said something; `debugged` when a debugger may hold it from now on. */
  heard(worker: WorkerProcess, debugged: boolean): void {
    worker.heardAt = debugged ? Number.POSITIVE_INFINITY : Date.now();
    if (worker.stalled) this.#mark(worker, false);
  }

  end(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#turn);
  }

  #check(): void {
    const now = Date.now();
    // After a halt of the primary itself, what the workers said meanwhile is still unread: judge nobody by this round.
    const late = now - this.#lookedAt > 2 * this.#everyMs;
    this.#lookedAt = now;
    if (late) return;
    const { stallTimeoutMs, stallKillMs, readyTimeoutMs } = this.#options;
    for (const worker of this.#workers()) {
      const { state, since } = worker.life;
      const silentMs = now - worker.heardAt;
      if (state === 'ready' && stallTimeoutMs > 0 && silentMs > stallTimeoutMs) {
        if (!worker.stalled) this.#mark(worker, true);
        if (stallKillMs > 0 && silentMs > stallKillMs) worker.kill(`stalled for ${silentMs} ms`, 'stalled');
      }
      if (state === 'starting' && readyTimeoutMs > 0 && now - since > readyTimeoutMs) {
        worker.kill(`not ready within ${readyTimeoutMs} ms`, 'not ready');
      }
    }
  }

  #mark(worker: WorkerProcess, stalled: boolean): void {
    worker.stalled = stalled;
    this.#stalled(worker, stalled);
  }
}
