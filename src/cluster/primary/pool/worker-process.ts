import type { Worker } from 'node:cluster';
import type { RawHandle } from '../../../connection.js';
import type { WorkerEndpoint } from '../../../handoff/contract.js';
import { type PrimaryMessage, send, type WorkerVitals } from '../../protocol.js';
import type { ExitReason, RestartCause } from './exit-reason.js';
import { Lifecycle } from './lifecycle.js';

/** A worker process in its slot, as the primary sees it. During a reload a slot has several. */
export class WorkerProcess {
  readonly lifecycle: Lifecycle = new Lifecycle(Date.now());
  /** The time of the fork, in ms on the monotonic clock. A change of the wall clock does not move that clock. */
  readonly forkedAt: number = performance.now();
  /** The time of its last message, on the same clock. Infinity while a debugger may hold the process. */
  lastMessageAt: number = performance.now();
  /** Keys of the listeners that the app in the process asked for. */
  readonly asked: Set<string> = new Set();
  /** Ids of the listeners whose servers the process has opened. */
  readonly opened: Set<number> = new Set();
  /** True from when it is given the clients of its slot until it accepts nothing new. */
  attached = false;
  /** Whether it has given no sign of life for `stallTimeoutMs`. */
  stalled = false;
  vitals: WorkerVitals | undefined;
  /** The reason of the primary, if the primary killed it. */
  exitReason: ExitReason | undefined;
  #onStopped: (() => void) | undefined;

  constructor(
    readonly slot: number,
    readonly index: number,
    readonly child: Worker,
  ) {}

  get pid(): number | undefined {
    return this.child.process.pid;
  }

  /** False if the IPC channel is closed. The caller still owns `handle`. */
  send(message: PrimaryMessage, handle?: RawHandle): boolean {
    return send(this.child.process, message, handle);
  }

  /** Through this the handoff of one listener sends to the process. */
  endpointFor(listener: number): WorkerEndpoint {
    return {
      slot: this.slot,
      workerIndex: this.index,
      send: (body, handle) => this.send({ type: 'handoff', listener, body }, handle),
    };
  }

  /** Asks the process to accept nothing new. Resolves when it confirms, when it exits, or after `timeoutMs`. */
  stopAccepting(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      this.child.once('exit', this.#onStopped);
      if (!this.send({ type: 'stop' })) this.#onStopped();
    });
  }

  /** The process has confirmed that it accepts nothing new. */
  confirmStop(): void {
    this.#onStopped?.();
  }

  /** Kills the process. The reason of the first call is reported. */
  kill(reason: string, cause: RestartCause = 'signal'): void {
    this.exitReason ??= { reason, cause };
    this.child.process.kill('SIGKILL');
  }

  /** Kills a draining process that still runs after `ms`. */
  killAfter(ms: number): void {
    const timer = setTimeout(() => this.kill(`still running ${ms / 1000} s after it began to drain`), ms);
    this.child.once('exit', () => clearTimeout(timer));
  }
}
