import { describe, expect, test } from 'vitest';
import { storeRefused } from '../../../src/session/core/store-errors.ts';
import { isFull, withStoreErrors } from '../../../src/session/local/sqlite-file.ts';

const sqliteError = (errcode?: number): Error =>
  Object.assign(new Error('what SQLite says'), errcode === undefined ? {} : { errcode });
function errorOf(error: unknown): unknown {
  try {
    withStoreErrors('/data/s.sqlite', 4096, () => {
      throw error;
    });
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

describe('an error of SQLite', () => {
  test.each([
    [5, 'is locked by another process'],
    [8, 'cannot be written'],
    [10, 'cannot be read or written'],
    [11, 'is damaged'],
    [14, 'cannot be opened'],
    [26, 'is not a SQLite database'],
    [1, 'cannot be used'],
    [undefined, 'cannot be used'],
    // An extended code: SQLITE_IOERR_SHORT_READ is 10 | (2 << 8).
    [522, 'cannot be read or written'],
  ])('with the code %s says that the file %s', (errcode, problem) => {
    const cause = sqliteError(errcode);
    expect(errorOf(cause)).toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining(`/data/s.sqlite ${problem}: what SQLite says. It was left as it is.`),
      facts: { path: '/data/s.sqlite', errcode },
      cause,
    });
  });

  test('with the code 13 says that the store is full', () => {
    const error = errorOf(sqliteError(13));
    expect(error).toMatchObject({ code: 'ERR_LIMPET_STORE', facts: { bytesMax: 4096 } });
    expect(isFull(error)).toBe(true);
    expect(isFull(errorOf(sqliteError(11)))).toBe(false);
    expect(isFull(new Error())).toBe(false);
  });

  test('is no error of limpet, which passes unchanged', () => {
    const refused = storeRefused('refused');
    expect(errorOf(refused)).toBe(refused);
  });

  test('does not exist when the action succeeds', () => {
    expect(withStoreErrors('/data/s.sqlite', 4096, () => 'result')).toBe('result');
  });
});
