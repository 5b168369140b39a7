import { describe, expect, test } from 'vitest';
import { LimpetError } from '../../../src/errors.ts';
import {
  isStoreAway,
  sessionGone,
  storeAway,
  storeClosed,
  storeFull,
  storeRefused,
} from '../../../src/session/core/store-errors.ts';

const cause = new Error('the cause');

describe('the errors of a store', () => {
  test('a store that does not answer is away', () => {
    const error = storeAway('no answer', { awayMs: 5 }, cause);
    expect(error).toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'no answer',
      facts: { awayMs: 5, away: true },
      cause,
    });
    expect(isStoreAway(error)).toBe(true);
    expect(storeAway('no answer').facts).toEqual({ away: true });
  });

  test('a store that refuses is not away', () => {
    const error = storeRefused('refused', { answer: 'OOM' }, cause);
    expect(error).toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'refused',
      facts: { answer: 'OOM' },
      cause,
    });
    expect(isStoreAway(error)).toBe(false);
    expect(storeRefused('refused').facts).toEqual({});
  });

  test('only ERR_LIMPET_STORE can say that a store is away', () => {
    expect(isStoreAway(new LimpetError('ERR_LIMPET_CLOSED', 'closed', { away: true }))).toBe(false);
    expect(isStoreAway(Object.assign(new Error(), { code: 'ERR_LIMPET_STORE', facts: { away: true } }))).toBe(
      false,
    );
    expect(isStoreAway(undefined)).toBe(false);
  });

  test('a full store names its bound, and is not away', () => {
    const error = storeFull(4096, cause);
    expect(error).toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringMatching(/is full.* 4096 bytes/),
      facts: { bytesMax: 4096 },
      cause,
    });
    expect(isStoreAway(error)).toBe(false);
  });

  test('a closed store and a destroyed session have codes of their own', () => {
    expect(storeClosed()).toMatchObject({
      code: 'ERR_LIMPET_CLOSED',
      message: 'The session store is closed. Make a new store to go on.',
    });
    expect(sessionGone('abc')).toMatchObject({
      code: 'ERR_LIMPET_SESSION_GONE',
      message: expect.stringContaining('regenerate()'),
      facts: { sid: 'abc' },
    });
  });
});
