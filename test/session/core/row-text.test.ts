import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { mergeSessions, RowText, type RowTextOptions } from '../../../src/session/core/row-text.ts';
import { json, type SessionFields } from '../../../src/session/core/serializer.ts';

const now = 1_700_000_000_000;
beforeEach(() => vi.useFakeTimers({ now }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const textWith = (options: Partial<RowTextOptions> = {}): RowText =>
  new RowText({ serializer: json, ttlMs: 5000, sessionBytesMax: 100, ...options });
const dateIn = (ms: number): string => new Date(now + ms).toISOString();

describe('write', () => {
  test('returns the text of the serializer', () => {
    expect(textWith().write({ a: 1 })).toBe('{"a":1}');
  });

  test('accepts a session of exactly sessionBytesMax', () => {
    const text = textWith({ sessionBytesMax: 20 }).write({ a: 'x'.repeat(12) });
    expect(Buffer.byteLength(text)).toBe(20);
  });

  test('refuses a session that is one byte larger', () => {
    expect(() => textWith({ sessionBytesMax: 20 }).write({ a: 'x'.repeat(13) })).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_SESSION_SIZE',
        message:
          'The session has 21 bytes, expected at most 20. Keep large data elsewhere, or raise sessionBytesMax.',
        facts: { bytes: 21, sessionBytesMax: 20 },
      }),
    );
  });

  test('counts bytes of UTF-8, not characters', () => {
    // 8 bytes around 'a', and 3 bytes for each of the signs.
    expect(textWith({ sessionBytesMax: 20 }).write({ a: '€'.repeat(4) })).toBe('{"a":"€€€€"}');
    expect(() => textWith({ sessionBytesMax: 20 }).write({ a: '€'.repeat(5) })).toThrow('has 23 bytes');
  });

  test('counts only a text that may be too large', () => {
    const byteLength = vi.spyOn(Buffer, 'byteLength');
    textWith({ sessionBytesMax: 21 }).write({ a: 1 });
    expect(byteLength).not.toHaveBeenCalled();
    textWith({ sessionBytesMax: 20 }).write({ a: 1 });
    expect(byteLength).toHaveBeenCalledOnce();
  });
});

describe('read', () => {
  const expiresOf = (expires: unknown, expiresAt: number): unknown =>
    textWith().read('sid', { raw: JSON.stringify({ cookie: { expires } }), expiresAt }).cookie?.expires;

  test('sets cookie.expires to the end of the row', () => {
    expect(expiresOf(dateIn(1000), now + 9000)).toBe(dateIn(9000));
    expect(expiresOf(dateIn(9000), now + 1000)).toBe(dateIn(1000));
  });

  test('keeps a date that differs by less than 90 ms, in both directions', () => {
    expect(expiresOf(dateIn(1000), now + 1089)).toBe(dateIn(1000));
    expect(expiresOf(dateIn(1000), now + 911)).toBe(dateIn(1000));
    expect(expiresOf(dateIn(1000), now + 1090)).toBe(dateIn(1090));
    expect(expiresOf(dateIn(1000), now + 910)).toBe(dateIn(910));
  });

  test('replaces a date that cannot be read', () => {
    expect(expiresOf('soon', now + 1000)).toBe(dateIn(1000));
  });

  test('leaves a cookie without an end, and any cookie of a row without an end', () => {
    expect(expiresOf(null, now + 1000)).toBeNull();
    expect(expiresOf(dateIn(1000), Number.POSITIVE_INFINITY)).toBe(dateIn(1000));
  });

  test('returns a session without a cookie', () => {
    expect(textWith().read('sid', { raw: '{"a":1}', expiresAt: now })).toEqual({ a: 1 });
  });

  test('a text that is not a session is an error of the store, with its cause', () => {
    const cause = new Error('wrong key');
    const serializer = {
      ...json,
      parse: (): never => {
        throw cause;
      },
    };
    expect(() => textWith({ serializer }).read('sid', { raw: 'x', expiresAt: now })).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_STORE',
        message: expect.stringContaining('cannot be read'),
        facts: { sid: 'sid' },
        cause,
      }),
    );
  });
});

describe('the life of a session', () => {
  test('is the time until cookie.expires, a date or a text', () => {
    expect(textWith().ttlOf({ cookie: { expires: dateIn(1234) } })).toBe(1234);
    expect(textWith().ttlOf({ cookie: { expires: new Date(now + 1234) } })).toBe(1234);
    expect(textWith().ttlOf({ cookie: { expires: dateIn(-1) } })).toBe(-1);
  });

  test('is ttlMs without an end, without a cookie, and with a date that cannot be read', () => {
    expect(textWith().ttlOf({ cookie: { expires: null } })).toBe(5000);
    expect(textWith().ttlOf({})).toBe(5000);
    expect(textWith().ttlOf({ cookie: { expires: 'soon' } })).toBe(5000);
  });

  test('is the result of the function ttlMs, rounded up, whatever the cookie says', () => {
    const ttlMs = vi.fn(() => 1500.2);
    const session = { cookie: { expires: dateIn(1) } };
    expect(textWith({ ttlMs }).ttlOf(session)).toBe(1501);
    expect(ttlMs).toHaveBeenCalledExactlyOnceWith(session);
  });

  test('is a whole number of milliseconds, rounded up', () => {
    vi.spyOn(Date, 'now').mockReturnValue(now + 0.5);
    expect(textWith().ttlOf({ cookie: { expires: dateIn(1000) } })).toBe(1000);
  });

  test('can be taken from the text of a session', () => {
    expect(textWith().ttlWithin(JSON.stringify({ cookie: { expires: dateIn(77) } }))).toBe(77);
  });
});

test('merge reads and writes the texts with the serializer', () => {
  const serializer = {
    stringify: (session: object): string => `sealed ${JSON.stringify(session)}`,
    parse: (raw: string): SessionFields => JSON.parse(raw.slice('sealed '.length)),
  };
  const merged = textWith({ serializer }).merge(
    'sealed {"a":1,"b":1}',
    'sealed {"a":2,"b":1}',
    'sealed {"a":1,"b":3}',
  );
  expect(merged).toBe('sealed {"a":2,"b":3}');
});

describe('mergeSessions', () => {
  test('takes the keys that ours has set, replaced or deleted, and all others from theirs', () => {
    const base = { replaced: 1, deleted: 1, untouched: 1, theirsReplaced: 1, theirsDeleted: 1 };
    const ours = { replaced: 2, untouched: 1, set: 2, theirsReplaced: 1, theirsDeleted: 1 };
    const theirs = { replaced: 1, deleted: 1, untouched: 1, theirsReplaced: 3, theirsSet: 3 };
    expect(mergeSessions(base, ours, theirs)).toStrictEqual({
      replaced: 2,
      untouched: 1,
      set: 2,
      theirsReplaced: 3,
      theirsSet: 3,
    });
  });

  test('ours wins for a key that both have changed', () => {
    expect(mergeSessions({ a: 1, b: 1 }, { a: 2 }, { a: 3, b: 3 })).toEqual({ a: 2 });
  });

  test('compares values by content, and does not merge inside of them', () => {
    const base = { same: { x: [1] }, cart: [1] };
    const ours = { same: { x: [1] }, cart: [1, 2] };
    const theirs = { same: { x: [9] }, cart: [1, 3] };
    expect(mergeSessions(base, ours, theirs)).toEqual({ same: { x: [9] }, cart: [1, 2] });
  });

  test('a key that ours sets to undefined is set', () => {
    const merged = mergeSessions({ a: 1 }, { a: undefined }, { a: 1 });
    expect(Object.keys(merged)).toEqual(['a']);
    expect(merged.a).toBeUndefined();
  });

  test('changes none of the three', () => {
    const [base, ours, theirs] = [{ a: 1 }, { b: 2 }, { a: 1, c: 3 }].map(Object.freeze) as [
      SessionFields,
      SessionFields,
      SessionFields,
    ];
    expect(mergeSessions(base, ours, theirs)).toEqual({ b: 2, c: 3 });
  });

  describe('the cookie', () => {
    const cookieOf = (base: unknown, ours: unknown, theirs: unknown): unknown =>
      mergeSessions(
        { cookie: base } as SessionFields,
        { cookie: ours } as SessionFields,
        { cookie: theirs } as SessionFields,
      ).cookie;

    test('is whole from the side that changed an attribute other than expires', () => {
      const base = { path: '/', expires: dateIn(1) };
      const ours = { path: '/ours', expires: dateIn(2) };
      const theirs = { path: '/theirs', expires: dateIn(3) };
      expect(cookieOf(base, ours, { ...base, expires: dateIn(9) })).toEqual(ours);
      expect(cookieOf(base, { ...base, expires: dateIn(9) }, theirs)).toEqual(theirs);
      expect(cookieOf(base, ours, theirs)).toEqual(ours);
    });

    test('is the one with the later end when only expires has changed', () => {
      const base = { path: '/', expires: dateIn(1) };
      const [sooner, later] = [
        { path: '/', expires: dateIn(5) },
        { path: '/', expires: new Date(now + 6) },
      ];
      expect(cookieOf(base, sooner, later)).toBe(later);
      expect(cookieOf(base, later, sooner)).toBe(later);
    });

    test('is ours when both end together', () => {
      const base = { path: '/', expires: dateIn(1) };
      const [ours, theirs] = [
        { path: '/', expires: dateIn(5) },
        { path: '/', expires: dateIn(5) },
      ];
      expect(cookieOf(base, ours, theirs)).toBe(ours);
    });

    test('without an end counts as the sooner one', () => {
      const base = { path: '/', expires: null };
      const theirs = { path: '/', expires: dateIn(5) };
      expect(cookieOf(base, { path: '/', expires: null }, theirs)).toBe(theirs);
    });

    test('is the one that exists, and stays away when neither does', () => {
      const cookie = { path: '/' };
      expect(cookieOf(undefined, cookie, undefined)).toBe(cookie);
      expect(cookieOf(undefined, undefined, cookie)).toBe(cookie);
      expect(cookieOf(undefined, cookie, { path: '/' })).toBe(cookie);
      expect(Object.keys(mergeSessions({}, {}, {}))).toEqual([]);
    });

    test('that ours has deleted is taken from theirs', () => {
      const cookie = { path: '/' };
      expect(cookieOf(cookie, undefined, cookie)).toBe(cookie);
    });
  });
});
