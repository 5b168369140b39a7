import { LimpetError } from '../../errors.js';

/** The error of createRouter() in a worker. */
export function notThePrimary(): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_ROLE',
    'createRouter() was called in a worker. Call it in the primary, and limpet.listen() in the worker.',
  );
}

/** The error of a call on a router after close(). */
export function closedError(): LimpetError {
  return new LimpetError('ERR_LIMPET_CLOSED', 'the router is closed. Make a new one with createRouter().');
}

/** The error of a call on a router after the new primary `pid` has taken over. */
export function takenOver(pid: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_CLOSED',
    `process ${pid} has taken over from this router, which closes. Ask that process.`,
    { successor: pid },
  );
}
