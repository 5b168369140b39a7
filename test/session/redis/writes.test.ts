import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWrite, replaceWrite, rowOf, touchWrite } from '../../../src/session/redis/writes.ts';

const now = 1_000_000;
beforeEach(() => vi.useFakeTimers({ now }));
afterEach(() => vi.useRealTimers());

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
/** The words as they are sent now. */
const sentNow = (words: readonly unknown[]): unknown[] =>
  words.map((word) => (typeof word === 'function' ? word() : word));

describe('every write', () => {
  test.each([
    ['create', createWrite('text', 5000)],
    ['replace', replaceWrite('known', 'text', 5000)],
    ['touch', touchWrite(5000, undefined)],
  ])('%s has a script with its digest, which ends with a read of its one key', (_name, { script }) => {
    expect(script.digest).toBe(sha1(script.source));
    expect(script.source).toMatch(/return redis\.call\('EXISTS', KEYS\[1\]\)$/);
    expect(script.source).not.toContain('KEYS[2]');
  });
});

describe('create', () => {
  test('sets the text and what is left of its life when it is sent', () => {
    const { words, plain } = createWrite('text', 5000);
    expect(sentNow(words)).toEqual(['text', 5000]);
    vi.setSystemTime(now + 1000);
    expect(sentNow(words)).toEqual(['text', 4000]);
    expect(plain('key').map(sentNow)).toEqual([
      ['set', 'key', 'text', 'px', 4000],
      ['get', 'key'],
    ]);
  });

  test('knows the row after the script, and after plain commands that read it back', () => {
    const { stored } = createWrite('text', 5000);
    const row = { raw: 'text', expiresAt: now + 5000 };
    expect(stored([1])).toEqual([undefined, row]);
    expect(stored(['OK', 'text'])).toEqual([undefined, row]);
    expect(stored(['OK', 'of another client'])).toEqual([undefined, undefined]);
    expect(stored(['OK', null])).toEqual([undefined, undefined]);
  });
});

describe('replace', () => {
  test('compares the digest of the known row, or nothing', () => {
    expect(sentNow(replaceWrite('known', 'text', 5000).words)).toEqual([sha1('known'), 'text', 5000]);
    expect(sentNow(replaceWrite(undefined, 'text', 5000).words)).toEqual(['', 'text', 5000]);
    expect(replaceWrite('known', 'text', 5000).plain('key').map(sentNow)).toEqual([
      ['set', 'key', 'text', 'px', 5000, 'xx'],
      ['get', 'key'],
    ]);
  });

  test('is stored, gone, or finds another row', () => {
    const { stored } = replaceWrite('known', 'text', 5000);
    const row = { raw: 'text', expiresAt: now + 5000 };
    const other = { raw: 'other', expiresAt: now + 700 };
    expect(stored([1])).toEqual(['stored', row]);
    expect(stored([0])).toEqual(['gone', undefined]);
    expect(stored([['other', 700]])).toEqual([other, other]);
    expect(stored([['other', -2]])).toEqual(['gone', undefined]);
  });

  test('with plain commands is stored or gone, and knows the row that it reads back', () => {
    const { stored } = replaceWrite('known', 'text', 5000);
    expect(stored(['OK', 'text'])).toEqual(['stored', { raw: 'text', expiresAt: now + 5000 }]);
    expect(stored(['OK', 'of another client'])).toEqual(['stored', undefined]);
    expect(stored([null, null])).toEqual(['gone', undefined]);
  });
});

describe('touch', () => {
  test('sets what is left of the life when it is sent', () => {
    const { words, plain } = touchWrite(5000, undefined);
    vi.setSystemTime(now + 1000);
    expect(sentNow(words)).toEqual([4000]);
    expect(plain('key').map(sentNow)).toEqual([
      ['pexpire', 'key', 4000],
      ['exists', 'key'],
    ]);
  });

  test('knows the row after the script if the near cache had it', () => {
    const known = { raw: 'text', expiresAt: now + 1 };
    expect(touchWrite(5000, known).stored([1])).toEqual([true, { raw: 'text', expiresAt: now + 5000 }]);
    expect(touchWrite(5000, undefined).stored([1])).toEqual([true, undefined]);
    expect(touchWrite(5000, known).stored([0])).toEqual([false, undefined]);
  });

  test('does not know the row after plain commands: another client may have replaced it', () => {
    const known = { raw: 'text', expiresAt: now + 1 };
    expect(touchWrite(5000, known).stored([1, 1])).toEqual([true, undefined]);
    expect(touchWrite(5000, known).stored([0, 0])).toEqual([false, undefined]);
  });
});

describe('a row from GET and PTTL', () => {
  test('has the text and the end of its life', () => {
    expect(rowOf('text', 700)).toEqual({ raw: 'text', expiresAt: now + 700 });
    expect(rowOf('text', '700')).toEqual({ raw: 'text', expiresAt: now + 700 });
    expect(rowOf('', 700)).toEqual({ raw: '', expiresAt: now + 700 });
  });

  test('has no end when the key has none', () => {
    expect(rowOf('text', -1)).toEqual({ raw: 'text', expiresAt: Number.POSITIVE_INFINITY });
  });

  test('does not exist when the key does not, or has ended between the two commands', () => {
    expect(rowOf(null, -2)).toBeUndefined();
    expect(rowOf('text', -2)).toBeUndefined();
  });
});
