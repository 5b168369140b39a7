/**
 * The life of a process in a slot, and of the slot itself. Pure: no processes, no timers, no sockets.
 *
 *     starting ──► ready ──► draining ──► gone
 *        │           └──────────────────────▲
 *        └──────────────────────────────────┘   (also starting ──► draining, when it leaves before it was ready)
 */

/** Where a process is in its life; from each state it may be gone at once (docs/cluster.md). */
export type SlotState = 'starting' | 'ready' | 'draining' | 'gone';

const onward: Record<SlotState, readonly SlotState[]> = {
  starting: ['ready', 'draining', 'gone'],
  ready: ['draining', 'gone'],
  draining: ['gone'],
  gone: [],
};

export class Lifecycle {
  state: SlotState = 'starting';
  reason = 'forked';
  since: number;
  readonly startedAt: number;

  constructor(now: number) {
    this.since = now;
    this.startedAt = now;
  }

  /** True when the state changed; false, and nothing happens, when `to` cannot follow the present state. */
  move(to: SlotState, reason: string, now: number): boolean {
    if (!onward[this.state].includes(to)) return false;
    this.state = to;
    this.reason = reason;
    this.since = now;
    return true;
  }
}

const shortLifeMs = 60_000;
const firstDelayMs = 100;
const longestDelayMs = 10_000;
/** So many short lives in a workerIndex are a crash loop: reported once, and held at the longest delay's pace. */
const crashLoopDeaths = 8;

/** Why a slot got a new process: all but a reload were not asked for, and wait when they repeat. */
export type RestartCause =
  | 'exit'
  | 'signal'
  | 'stalled'
  | 'not ready'
  | 'not forked'
  /** A reload replaced it. */
  | 'reload'
  /** It went by itself: its server was closed, or it was told to end. */
  | 'left';

/** How a process ended. */
export interface ExitReason {
  /** In words for people. */
  readonly reason: string;
  readonly cause: RestartCause;
}

/** The end of a process that was not asked for. */
export interface Restart {
  /** When, in ms since the epoch. */
  readonly at: number;
  /** Of the process that ended; undefined where it could not be forked. */
  readonly pid: number | undefined;
  /** How it ended, in words for people. */
  readonly reason: string;
  readonly cause: RestartCause;
}

const restartsKept = 20;

/** When the next process may be tried: at once, then 100 ms doubling to 10 s while processes keep dying within a minute. */
export class RestartBackoff {
  /** The last {@link restartsKept} deaths, oldest first. */
  readonly restarts: Restart[] = [];
  count = 0;
  /** All new processes but the first, those of a reload too; causes that never occurred are left out. */
  readonly byCause: Partial<Record<RestartCause, number>> = {};
  #shortLives = 0;

  /** Notes a death, or a leaving, that was not asked for. */
  died(
    life: ExitReason & { startedAt: number; pid: number | undefined },
    now: number,
  ): { delayMs: number; crashLoop: boolean } {
    this.count += 1;
    this.countRestart(life.cause);
    this.restarts.push({ at: now, pid: life.pid, reason: life.reason, cause: life.cause });
    if (this.restarts.length > restartsKept) this.restarts.shift();
    this.#shortLives = now - life.startedAt < shortLifeMs ? this.#shortLives + 1 : 1;
    const repeats = this.#shortLives - 2;
    const delayMs = repeats < 0 ? 0 : Math.min(firstDelayMs * 2 ** repeats, longestDelayMs);
    return { delayMs, crashLoop: this.#shortLives === crashLoopDeaths };
  }

  /** The slot gets, or has got, a new process for this cause. */
  countRestart(cause: RestartCause): void {
    this.byCause[cause] = (this.byCause[cause] ?? 0) + 1;
  }

  get shortLives(): number {
    return this.#shortLives;
  }

  /** A reload starts with a clean slate. */
  reset(): void {
    this.#shortLives = 0;
  }
}
