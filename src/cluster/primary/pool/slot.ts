import type { LimpetError } from '../../../errors.js';
import { RestartBackoff } from './lifecycle.js';
import type { WorkerProcess } from './worker-process.js';

/** A seat and the processes around it. */
export interface SlotRecord {
  readonly number: number;
  readonly respawn: RestartBackoff;
  /** The process that serves the slot, or will. */
  current: WorkerProcess | undefined;
  /** A successor that a reload has started and that does not serve yet. */
  next: { readonly worker: WorkerProcess; readonly settle: (error?: LimpetError) => void } | undefined;
  /** Processes that finish what they have. */
  readonly leaving: Set<WorkerProcess>;
  /** Until the next try to fill it. */
  timer: NodeJS.Timeout | undefined;
  everReady: boolean;
  /** Taken away by scaling down: nobody fills it. */
  retired: boolean;
}

export function newSlot(number: number): SlotRecord {
  return {
    number,
    respawn: new RestartBackoff(),
    current: undefined,
    next: undefined,
    leaving: new Set(),
    timer: undefined,
    everReady: false,
    retired: false,
  };
}

/** The slot's living processes, seated or not. */
export function* workersOf({ current, next, leaving }: SlotRecord): Generator<WorkerProcess> {
  if (current) yield current;
  if (next && next.worker !== current) yield next.worker;
  yield* leaving;
}
