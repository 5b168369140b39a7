import { LimpetError } from '../../../errors.js';
import type { WorkerProcess } from './worker-process.js';

/** What is said of processes that could not be brought to serve. */

export function replacementFailed(slot: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `slot ${slot}: the new process did not become ready (${reason}). The old one serves on; mend the app and reload again.`,
    { slot, reason },
  );
}

export function neverStarted(slots: number, attempts: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `no worker became ready: each of ${slots} ended ${attempts} times (last: ${reason}). ` +
      'Run the worker file by itself to see its error.',
    { reason, attempts },
  );
}

export function crashLoopError(slot: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `slot ${slot}: its workers keep ending within a minute (last: ${reason}). They are tried again at most every 10 s; ` +
      'the other slots serve its clients. Look at the worker’s own output.',
    { slot, reason },
  );
}

export function newSlotFailed(slot: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `the worker of the new slot ${slot} did not become ready (${reason}). The number of slots is as before.`,
    { slot, reason },
  );
}

/** A process of the new primary that ended before all were ready. */
export function newPrimaryFailed({ slot, life: { reason } }: WorkerProcess): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `slot ${slot}: the new primary's process did not become ready (${reason}). The old one serves on.`,
    { slot, reason },
  );
}
