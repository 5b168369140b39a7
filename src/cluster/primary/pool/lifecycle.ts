/**
 * The states of a worker process in a slot. From each state the process may end at once (docs/cluster.md).
 *
 *     starting ──► ready ──► draining ──► gone
 *        │           └──────────────────────▲
 *        └──────────────────────────────────┘   (also starting ──► draining, if the app closes its server before it is ready)
 */
export type SlotState = 'starting' | 'ready' | 'draining' | 'gone';

const transitions: Record<SlotState, readonly SlotState[]> = {
  starting: ['ready', 'draining', 'gone'],
  ready: ['draining', 'gone'],
  draining: ['gone'],
  gone: [],
};

/** The state of one worker process, with its reason and time. Times are in ms since the epoch. */
export class Lifecycle {
  state: SlotState = 'starting';
  /** The cause of the last change, in words for people. */
  reason = 'forked';
  /** The time at which the state began. */
  since: number;
  readonly startedAt: number;

  constructor(now: number) {
    this.since = now;
    this.startedAt = now;
  }

  /** Returns true if the state changed. Returns false and changes nothing if `to` cannot follow the present state. */
  move(to: SlotState, reason: string, now: number): boolean {
    if (!transitions[this.state].includes(to)) return false;
    this.state = to;
    this.reason = reason;
    this.since = now;
    return true;
  }
}
