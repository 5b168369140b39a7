import type { CheckedRouterOptions } from '../../../options.js';
import type { WorkerProcess } from './worker-process.js';

type LivenessOptions = Pick<CheckedRouterOptions, 'stallTimeoutMs' | 'stallKillMs' | 'readyTimeoutMs'>;

/**
 * Watches the heartbeats of the workers. A ready worker that is silent for `stallTimeoutMs` is stalled, and after `stallKillMs`
 * it is killed. A worker that is not ready within `readyTimeoutMs` is killed. All times are of the monotonic clock.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #workers: () => Iterable<WorkerProcess>;
  readonly #stalled: (worker: WorkerProcess, stalled: boolean) => void;
  readonly #intervalMs: number;
  readonly #timer: NodeJS.Timeout;
  #pendingCheck: NodeJS.Immediate | undefined;
  #lastCheckAt: number = performance.now();

  /** `stalled` is called when a worker becomes stalled, and with false when it gives a sign of life again. */
  constructor(
    options: LivenessOptions,
    workers: () => Iterable<WorkerProcess>,
    stalled: (worker: WorkerProcess, stalled: boolean) => void,
  ) {
    this.#options = options;
    this.#workers = workers;
    this.#stalled = stalled;
    this.#intervalMs = Math.min(1000, Math.max(10, Math.floor((options.stallTimeoutMs || 4000) / 4)));
    // Node runs timers before I/O. The check waits for setImmediate(), after the heartbeats that have arrived were read.
    this.#timer = setInterval(() => {
      this.#pendingCheck = setImmediate(() => this.#check());
    }, this.#intervalMs);
    this.#timer.unref();
  }

  /** A message arrived: a sign of life. A worker under a debugger is not checked until its next message without one. */
  recordMessage(worker: WorkerProcess, underDebugger: boolean): void {
    worker.lastMessageAt = underDebugger ? Number.POSITIVE_INFINITY : performance.now();
    if (worker.stalled) this.#mark(worker, false);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#pendingCheck);
  }

  #check(): void {
    const now = performance.now();
    // If the primary itself was stopped, heartbeats of that time are still unread. The first check after it judges no worker.
    const wasHalted = now - this.#lastCheckAt > 2 * this.#intervalMs;
    this.#lastCheckAt = now;
    if (wasHalted) return;
    const { stallTimeoutMs, stallKillMs, readyTimeoutMs } = this.#options;
    for (const worker of this.#workers()) {
      const { state } = worker.lifecycle;
      const silentMs = now - worker.lastMessageAt;
      if (state === 'ready' && stallTimeoutMs > 0 && silentMs > stallTimeoutMs) {
        if (!worker.stalled) this.#mark(worker, true);
        if (stallKillMs > 0 && silentMs > stallKillMs)
          worker.kill(`stalled for ${Math.round(silentMs)} ms`, 'stalled');
      }
      if (state === 'starting' && readyTimeoutMs > 0 && now - worker.forkedAt > readyTimeoutMs) {
        worker.kill(`not ready within ${readyTimeoutMs} ms`, 'not ready');
      }
    }
  }

  #mark(worker: WorkerProcess, stalled: boolean): void {
    worker.stalled = stalled;
    this.#stalled(worker, stalled);
  }
}
