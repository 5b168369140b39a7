import { LimpetError } from '../../errors.js';

/** Why a router does not do what it is asked for. */

export function notThePrimary(): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_ROLE',
    'createRouter() was called in a worker. Call it in the primary, and limpet.listen() in the worker.',
  );
}

export function closedError(): LimpetError {
  return new LimpetError('ERR_LIMPET_CLOSED', 'the router is closed. Make a new one with createRouter().');
}

/** The clients are another primary's now, and so is whatever was asked for after it took over. */
export function takenOver(pid: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_CLOSED',
    `process ${pid} has taken over from this router, which leaves. Ask that one.`,
    { successor: pid },
  );
}
