import type { LimpetError } from '../../../errors.js';
import { Respawn } from './slot-states.js';
import type { Occupant } from './worker-process.js';

/** A seat and the processes around it. */
export interface SlotRecord {
  readonly number: number;
  readonly respawn: Respawn;
  /** The process that serves the slot, or will. */
  current: Occupant | undefined;
  /** A successor that a reload has started and that does not serve yet. */
  next: { readonly occupant: Occupant; readonly settle: (error?: LimpetError) => void } | undefined;
  /** Processes that finish what they have. */
  readonly leaving: Set<Occupant>;
  /** Until the next try to fill it. */
  timer: NodeJS.Timeout | undefined;
  everReady: boolean;
  /** Taken away by scaling down: nobody fills it. */
  retired: boolean;
}

export function newSlot(number: number): SlotRecord {
  return {
    number,
    respawn: new Respawn(),
    current: undefined,
    next: undefined,
    leaving: new Set(),
    timer: undefined,
    everReady: false,
    retired: false,
  };
}

/** The slot's living processes, seated or not. */
export function* occupantsOf({ current, next, leaving }: SlotRecord): Generator<Occupant> {
  if (current) yield current;
  if (next && next.occupant !== current) yield next.occupant;
  yield* leaving;
}
