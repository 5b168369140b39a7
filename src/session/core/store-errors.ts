import { LimpetError } from '../../errors.js';

/** ERR_LIMPET_STORE of a store that does not answer. The option `onStoreDown` handles this error only. */
export function storeAway(
  message: string,
  facts: Record<string, unknown> = {},
  cause?: unknown,
): LimpetError {
  return new LimpetError('ERR_LIMPET_STORE', message, { ...facts, away: true }, cause);
}

export function isStoreAway(error: unknown): boolean {
  return error instanceof LimpetError && error.code === 'ERR_LIMPET_STORE' && error.facts.away === true;
}

/** ERR_LIMPET_STORE of a store that answered with a refusal. */
export function storeRefused(
  message: string,
  facts: Record<string, unknown> = {},
  cause?: unknown,
): LimpetError {
  return new LimpetError('ERR_LIMPET_STORE', message, facts, cause);
}

/** ERR_LIMPET_STORE of a store that has reached `bytesMax`. No store removes a live session to make room. */
export function storeFull(bytesMax: number, cause?: unknown): LimpetError {
  return storeRefused(
    `The session store is full: live sessions take all of its ${bytesMax} bytes. Raise bytesMax, shorten the life of sessions, or move to Redis.`,
    { bytesMax },
    cause,
  );
}

export function storeClosed(): LimpetError {
  return new LimpetError('ERR_LIMPET_CLOSED', 'The session store is closed. Make a new store to go on.');
}

export function sessionGone(sid: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_SESSION_GONE',
    'The session was destroyed or has expired since this request read it, so it was not stored again. Call regenerate() to begin a new session.',
    { sid },
  );
}
