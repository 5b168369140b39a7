import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sessionCache } from '../../../src/metrics.ts';
import type { Row } from '../../../src/session/core/backend.ts';
import { NearCache, type TrackingPeriod } from '../../../src/session/core/near-cache.ts';

const now = 1_000_000;
beforeEach(() => vi.useFakeTimers({ now }));
afterEach(() => vi.useRealTimers());

const bounds = { entries: 10, bytes: 100_000 };
const rowOf = (raw: string, expiresAt: number = now + 5000): Row => ({ raw, expiresAt });
const period: TrackingPeriod = { name: 'the current period' };
const nextPeriod: TrackingPeriod = { name: 'the next period' };

/** One read of `key`: what is sent, and then answered with `row`. */
function fill(
  cache: NearCache,
  key: string,
  row: Row | undefined,
  inPeriod: object | undefined = period,
): void {
  cache.end(key, cache.begin(key), inPeriod, row);
}

describe('a row in the near cache', () => {
  test('is returned in its own period only', () => {
    const cache = new NearCache(bounds, false);
    const row = rowOf('text');
    fill(cache, 'a', row);
    expect(cache.get('a', period)).toBe(row);
    expect(cache.get('a', nextPeriod)).toBeUndefined();
    expect(cache.get('b', period)).toBeUndefined();
  });

  test('is returned until its life ends', () => {
    const cache = new NearCache(bounds, false);
    fill(cache, 'a', rowOf('text', now + 1000));
    vi.setSystemTime(now + 999);
    expect(cache.get('a', period)).toBeDefined();
    expect(cache.lastKnown('a')).toBeDefined();
    vi.setSystemTime(now + 1000);
    expect(cache.get('a', period)).toBeUndefined();
    expect(cache.lastKnown('a')).toBeUndefined();
  });

  test('is replaced by the row of a later answer, and removed when there is none', () => {
    const cache = new NearCache(bounds, false);
    fill(cache, 'a', rowOf('old'));
    fill(cache, 'a', rowOf('new'));
    expect(cache.get('a', period)?.raw).toBe('new');
    fill(cache, 'a', undefined);
    expect(cache.get('a', period)).toBeUndefined();
    expect(cache.counters.entries).toBe(0);
  });

  test('is not kept without a period, and an earlier one is removed', () => {
    const cache = new NearCache(bounds, false);
    fill(cache, 'a', rowOf('old'));
    cache.end('a', cache.begin('a'), undefined, rowOf('new'));
    expect(cache.lastKnown('a')).toBeUndefined();
    expect(cache.counters.entries).toBe(0);
  });

  test('without a period is kept as last known if the cache keeps untracked rows, and is never trusted', () => {
    const cache = new NearCache(bounds, true);
    cache.end('a', cache.begin('a'), undefined, rowOf('text'));
    expect(cache.lastKnown('a')?.raw).toBe('text');
    expect(cache.get('a', period)).toBeUndefined();
    expect(cache.lastKnown('a', period)).toBeUndefined();
  });

  test('is last known in its own period, and in any', () => {
    const cache = new NearCache(bounds, false);
    fill(cache, 'a', rowOf('text'));
    expect(cache.lastKnown('a')?.raw).toBe('text');
    expect(cache.lastKnown('a', period)?.raw).toBe('text');
    expect(cache.lastKnown('a', nextPeriod)).toBeUndefined();
    expect(cache.lastKnown('b')).toBeUndefined();
  });
});

describe('an answer', () => {
  test('whose invalidation came first is not kept', () => {
    const cache = new NearCache(bounds, false);
    const version = cache.begin('a');
    cache.invalidate('a');
    cache.end('a', version, period, rowOf('old'));
    expect(cache.get('a', period)).toBeUndefined();
  });

  test('whose invalidation came first removes nothing', () => {
    const cache = new NearCache(bounds, false);
    const late = cache.begin('a');
    cache.invalidate('a');
    fill(cache, 'a', rowOf('never kept'));
    cache.end('a', late, period, rowOf('old'));
    // All commands of before have ended: the next answer is kept.
    fill(cache, 'a', rowOf('new'));
    expect(cache.get('a', period)?.raw).toBe('new');
  });

  test('to a command that began after the invalidation is kept, while an older one is in flight', () => {
    const cache = new NearCache(bounds, false);
    const older = cache.begin('a');
    cache.invalidate('a');
    const newer = cache.begin('a');
    cache.end('a', newer, period, rowOf('new'));
    cache.end('a', older, period, rowOf('old'));
    expect(cache.get('a', period)?.raw).toBe('new');
  });

  test('that comes late does not replace a newer one', () => {
    const cache = new NearCache(bounds, false);
    const older = cache.begin('a');
    cache.overtake('a');
    const write = cache.begin('a');
    cache.end('a', write, period, rowOf('written'));
    cache.end('a', older, period, rowOf('read before'));
    expect(cache.get('a', period)?.raw).toBe('written');
  });

  test('that comes twice counts once', () => {
    const cache = new NearCache(bounds, false);
    const version = cache.begin('a');
    cache.end('a', version, period, rowOf('first'));
    cache.end('a', version, period, rowOf('again'));
    expect(cache.get('a', period)?.raw).toBe('first');
  });

  test('to another key is kept when one key is invalidated', () => {
    const cache = new NearCache(bounds, false);
    const [a, b] = [cache.begin('a'), cache.begin('b')];
    cache.invalidate('a');
    cache.end('a', a, period, rowOf('a'));
    cache.end('b', b, period, rowOf('b'));
    expect(cache.get('a', period)).toBeUndefined();
    expect(cache.get('b', period)?.raw).toBe('b');
  });

  test('is not kept when all keys were invalidated in between', () => {
    const cache = new NearCache(bounds, false);
    const [a, b] = [cache.begin('a'), cache.begin('b')];
    cache.invalidateAll();
    cache.end('a', a, period, rowOf('a'));
    cache.end('b', b, period, rowOf('b'));
    expect(cache.counters.entries).toBe(0);
  });

  test('to a command that began after two invalidations is kept', () => {
    const cache = new NearCache(bounds, false);
    const version = cache.begin('a');
    cache.invalidate('a');
    cache.invalidate('a');
    cache.end('a', version, period, undefined);
    fill(cache, 'a', rowOf('new'));
    expect(cache.get('a', period)?.raw).toBe('new');
  });

  test('of each of two concurrent reads is kept', () => {
    const cache = new NearCache(bounds, false);
    const [one, two] = [cache.begin('a'), cache.begin('a')];
    expect([one, two]).toEqual([0, 0]);
    cache.end('a', one, period, rowOf('one'));
    expect(cache.get('a', period)?.raw).toBe('one');
    cache.invalidate('a');
    cache.end('a', two, period, rowOf('two'));
    expect(cache.get('a', period)).toBeUndefined();
  });
});

test('an answer that is older than an invalidation is not kept, also when a later read has begun', () => {
  const cache = new NearCache(bounds, false);
  const [one, two] = [cache.begin('a'), cache.begin('a')];
  cache.end('a', one, period, rowOf('one'));
  cache.invalidate('a');
  const three = cache.begin('a');
  cache.end('a', two, period, rowOf('two'));
  expect(cache.get('a', period)).toBeUndefined();
  cache.end('a', three, period, rowOf('three'));
  expect(cache.get('a', period)?.raw).toBe('three');
});

describe('the near cache', () => {
  test('drops a row that is forgotten, and the answers in flight', () => {
    const cache = new NearCache(bounds, false);
    fill(cache, 'a', rowOf('text'));
    const version = cache.begin('a');
    cache.forget('a');
    expect(cache.get('a', period)).toBeUndefined();
    cache.end('a', version, period, rowOf('text'));
    expect(cache.get('a', period)).toBeUndefined();
    expect(cache.counters.invalidations).toBe(0);
  });

  test('drops one row or all rows that the server invalidates', () => {
    const cache = new NearCache(bounds, false);
    for (const key of ['a', 'b', 'c']) fill(cache, key, rowOf(key));
    cache.invalidate('a');
    expect([cache.lastKnown('a'), cache.lastKnown('b')?.raw]).toEqual([undefined, 'b']);
    cache.invalidateAll();
    expect(cache.counters).toMatchObject({ entries: 0, bytes: 0, invalidations: 2 });
  });

  test('survives an invalidation of a key that it does not have', () => {
    const cache = new NearCache(bounds, false);
    cache.invalidate('a');
    cache.overtake('a');
    fill(cache, 'a', rowOf('text'));
    expect(cache.get('a', period)?.raw).toBe('text');
  });

  test('counts hits, misses and invalidations, for itself and for the process', () => {
    const before = { ...sessionCache };
    const cache = new NearCache(bounds, false);
    fill(cache, 'a', rowOf('text'));
    cache.get('a', period);
    cache.get('a', period);
    cache.get('a', nextPeriod);
    cache.get('b', period);
    cache.lastKnown('a');
    cache.missed();
    cache.invalidate('a');
    cache.invalidateAll();
    expect(cache.counters).toMatchObject({ hits: 2, misses: 1, invalidations: 2 });
    expect(sessionCache).toEqual({
      hits: before.hits + 2,
      misses: before.misses + 1,
      invalidations: before.invalidations + 2,
    });
  });

  test('counts two bytes for each character of text and key, and 200 for the entry', () => {
    const cache = new NearCache(bounds, false);
    fill(cache, 'key', rowOf('x'.repeat(10)));
    expect(cache.counters).toMatchObject({ entries: 1, bytes: 2 * 3 + 2 * 10 + 200 });
  });

  test('drops the least recently used row beyond its bound of entries', () => {
    const cache = new NearCache({ entries: 2, bytes: 100_000 }, false);
    fill(cache, 'a', rowOf('a'));
    fill(cache, 'b', rowOf('b'));
    cache.get('a', period);
    fill(cache, 'c', rowOf('c'));
    expect(['a', 'b', 'c'].map((key) => cache.get(key, period)?.raw)).toEqual(['a', undefined, 'c']);
  });

  test('keeps its bound of bytes', () => {
    const cache = new NearCache({ entries: 100, bytes: 1000 }, false);
    for (let n = 0; n < 10; n++) fill(cache, `${n}`, rowOf('x'.repeat(50)));
    // An entry takes 302 bytes.
    expect(cache.counters).toMatchObject({ entries: 3, bytes: 906 });
  });

  test('does not keep a row that takes more than a quarter of its bytes', () => {
    const cache = new NearCache({ entries: 10, bytes: 1000 }, false);
    fill(cache, 'a', rowOf('x'.repeat(125)));
    expect(cache.get('a', period)?.raw).toHaveLength(125);
    fill(cache, 'a', rowOf('x'.repeat(126)));
    expect(cache.counters.entries).toBe(0);
  });
});
