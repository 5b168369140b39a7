import { LimpetError } from '../../../errors.js';
import type { WorkerProcess } from './worker-process.js';

/** The errors of worker processes that did not become ready. All have the code ERR_LIMPET_WORKER_START. */

export function replacementFailed(slot: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `slot ${slot}: the new process did not become ready (${reason}). The old one serves on. Fix the app, then reload again.`,
    { slot, reason },
  );
}

export function neverStarted(slots: number, attempts: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `no worker became ready: in each of ${slots} slots ${attempts} processes ended (last: ${reason}). ` +
      'Run the worker file by itself to see its error.',
    { reason, attempts },
  );
}

export function crashLoopError(slot: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `slot ${slot}: its workers keep ending within a minute (last: ${reason}). limpet starts a new one at most every 10 s. ` +
      'Other slots serve its clients. Read the output of the worker.',
    { slot, reason },
  );
}

export function newSlotFailed(slot: number, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `the worker of the new slot ${slot} did not become ready (${reason}). The number of slots has not changed. Fix the app, then scale again.`,
    { slot, reason },
  );
}

/** A worker of the new primary ended before all its workers were ready. */
export function newPrimaryFailed({ slot, lifecycle: { reason } }: WorkerProcess): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_WORKER_START',
    `slot ${slot}: the worker of the new primary did not become ready (${reason}). The old primary serves on.`,
    { slot, reason },
  );
}
