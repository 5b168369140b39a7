import type { ExitReason, RestartCause } from './exit-reason.js';

/** A worker process that ended although nothing in the primary had asked for it. */
export interface Restart {
  /** The time of its end, in ms since the epoch. */
  readonly at: number;
  /** The process that ended. Undefined if it could not be forked. */
  readonly pid: number | undefined;
  /** The reason of its end, in words for people. */
  readonly reason: string;
  readonly cause: RestartCause;
}

/** A worker process that ended, and how long it had lived. */
export interface EndedWorker extends ExitReason {
  readonly pid: number | undefined;
  /** From fork to end, on the monotonic clock. 0 if it could not be forked. */
  readonly livedMs: number;
}

/** A process that lived less than this counts as a short life. */
const shortLifeMs = 60_000;
const firstDelayMs = 100;
const longestDelayMs = 10_000;
/** This many short lives in a row in one slot are a crash loop. */
const crashLoopLives = 8;
const restartsKept = 20;

/**
 * Decides how long a slot waits before its next process is forked. The first time it does not wait. If processes keep ending within
 * a minute, it waits 100 ms, then twice as long each time, up to 10 s.
 */
export class RestartBackoff {
  /** The last 20 restarts, oldest first. */
  readonly restarts: Restart[] = [];
  /** All restarts so far. A reload is not a restart. */
  count = 0;
  /** All new processes but the first, those of reloads included. A cause that never occurred is left out. */
  readonly byCause: Partial<Record<RestartCause, number>> = {};
  #shortLives = 0;

  /**
   * Counts a process that ended although nothing in the primary had asked for it. `now` is in ms since the epoch. Returns how
   * long to wait before the next fork. `crashLoop` is true once, at the eighth short life in a row.
   */
  recordExit(ended: EndedWorker, now: number): { delayMs: number; crashLoop: boolean } {
    const { pid, reason, cause, livedMs } = ended;
    this.count += 1;
    this.countRestart(cause);
    this.restarts.push({ at: now, pid, reason, cause });
    if (this.restarts.length > restartsKept) this.restarts.shift();
    this.#shortLives = livedMs < shortLifeMs ? this.#shortLives + 1 : 1;
    const repeats = this.#shortLives - 2;
    const delayMs = repeats < 0 ? 0 : Math.min(firstDelayMs * 2 ** repeats, longestDelayMs);
    return { delayMs, crashLoop: this.#shortLives === crashLoopLives };
  }

  /** Counts a new process of the slot under its cause. */
  countRestart(cause: RestartCause): void {
    this.byCause[cause] = (this.byCause[cause] ?? 0) + 1;
  }

  /** The number of processes in a row that lived less than a minute. A longer life counts as the first of a new row. */
  get shortLives(): number {
    return this.#shortLives;
  }

  /** A reload begins a new row. */
  reset(): void {
    this.#shortLives = 0;
  }
}
