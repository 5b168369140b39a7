import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BackendStatus } from '../../../src/session/core/backend.ts';
import { RedisBackend, type RedisBackendOptions } from '../../../src/session/redis/redis-backend.ts';
import { createWrite, replaceWrite, touchWrite } from '../../../src/session/redis/writes.ts';
import { settle, useFakeClock } from '../fake-clock.ts';
import { FakeCluster, FakeIoredis, replyError, trackingServer, type Words } from './fake-ioredis.ts';

const now = 1_700_000_000_000;
const create = createWrite('', 1).script.digest;
const replace = replaceWrite('', '', 1).script.digest;
const touch = touchWrite(1, undefined).script.digest;

let client: FakeIoredis;
let backend: RedisBackend;
/** Answers to the next commands that are not about tracking, by the command's name or the digest of its script. */
let answers: Record<string, unknown>;
let events: unknown[][];
beforeEach(() => {
  useFakeClock(now);
  client = new FakeIoredis({ keyPrefix: 'app:' });
  answers = {};
  events = [];
});
afterEach(async () => {
  await backend.close();
  vi.useRealTimers();
});

const redis = (): FakeIoredis => client.duplicates[0]?.connection as FakeIoredis;
const invalidations = (): FakeIoredis => client.duplicates[1]?.connection as FakeIoredis;
/** Commands on rows: all but those on tracking and on the probe. */
const sent = (): Words[] =>
  redis().sent.filter((words) => words[0] !== 'client' && !words.some((word) => `${word}`.includes('probe')));
const nearCache = (): Record<string, unknown> =>
  (backend.status() as BackendStatus & { nearCache: Record<string, unknown> }).nearCache;

function answerRows([name, first]: Words): unknown {
  const answer = answers[name === 'evalsha' ? `${first}` : `${name}`];
  if (answer instanceof Error) throw answer;
  return answer ?? null;
}

function open(options: Partial<RedisBackendOptions> = {}): void {
  backend = new RedisBackend({
    client,
    prefix: 'sess:',
    commandTimeoutMs: 1000,
    replicas: 0,
    nearCache: { entries: 10, bytes: 100_000, staleMs: 40 },
    keepLastKnown: false,
    ...options,
  });
  backend.listen({
    changed: (...values) => events.push(['changed', ...values]),
    up: () => events.push(['up']),
    down: (reason) => events.push(['down', reason]),
    degraded: (...values) => events.push(['degraded', ...values]),
  });
}

/** Connects, so that the near cache is on and trusted. */
async function connect(): Promise<void> {
  for (const { connection } of client.duplicates) {
    connection.answer = trackingServer(invalidations, answerRows);
  }
  invalidations()?.connect();
  await settle();
  redis().connect();
  await settle();
  await backend.read('warm-up');
  await settle();
  redis().sent.length = 0;
  events.length = 0;
}

/** Holds the answer to the next command with this name. */
function hold(name: string): (answer: unknown) => void {
  let settleHeld = (_answer: unknown): void => undefined;
  answers[name] = new Promise((resolve) => {
    settleHeld = resolve;
  });
  return (answer) => {
    delete answers[name];
    settleHeld(answer);
  };
}
/** Stores a row, as another client would, without an invalidation. */
function put(raw: string, ttlMs = 5000): void {
  Object.assign(answers, { get: raw, pttl: ttlMs });
}

describe('a read', () => {
  test('asks for the row and its remaining life', async () => {
    open();
    await connect();
    put('text');
    expect(await backend.read('a')).toEqual({ raw: 'text', expiresAt: now + 5000 });
    expect(sent()).toEqual([
      ['get', 'app:sess:a'],
      ['pttl', 'app:sess:a'],
    ]);
  });

  test('resolves with undefined when there is no row', async () => {
    open();
    await connect();
    Object.assign(answers, { get: null, pttl: -2 });
    expect(await backend.read('a')).toBeUndefined();
  });

  test('is answered by the near cache the next time', async () => {
    open();
    await connect();
    put('text');
    const row = await backend.read('a');
    expect(await backend.read('a')).toBe(row);
    expect(sent()).toHaveLength(2);
    expect(nearCache()).toMatchObject({ on: true, hits: 1, misses: 2, entries: 1 });
  });

  test('goes to Redis after the row was invalidated, once or twice', async () => {
    open();
    await connect();
    put('old');
    await backend.read('a');
    invalidations().invalidate(['app:sess:a']);
    invalidations().invalidate(['app:sess:a']);
    put('new');
    expect((await backend.read('a'))?.raw).toBe('new');
    expect(nearCache()).toMatchObject({ invalidations: 2, hits: 0 });
  });

  test('goes to Redis after all rows were invalidated', async () => {
    open();
    await connect();
    put('old');
    await backend.read('a');
    invalidations().invalidate(null);
    put('new');
    expect((await backend.read('a'))?.raw).toBe('new');
  });

  test('whose invalidation came before its answer is not kept', async () => {
    open();
    await connect();
    answers.pttl = 5000;
    const answer = hold('get');
    const read = backend.read('a');
    await settle();
    invalidations().invalidate(['app:sess:a']);
    answer('old');
    expect((await read)?.raw).toBe('old');
    put('new');
    expect((await backend.read('a'))?.raw).toBe('new');
  });

  test('whose answer came late, after a write, does not replace the written row', async () => {
    open();
    await connect();
    answers.pttl = 5000;
    const answer = hold('get');
    const read = backend.read('a');
    await settle();
    answers[create] = 1;
    await backend.create('a', 'written', 5000);
    answer('older');
    await read;
    expect((await backend.read('a'))?.raw).toBe('written');
    expect(nearCache()).toMatchObject({ hits: 1 });
  });

  test('does not trust the near cache when no PING was answered for staleMs', async () => {
    open();
    await connect();
    put('old');
    await backend.read('a');
    invalidations().answer = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(41);
    put('new');
    expect((await backend.read('a'))?.raw).toBe('new');
  });

  test('is not kept when the tracking period ended while it was in flight', async () => {
    open();
    await connect();
    answers.pttl = 5000;
    const answer = hold('get');
    const read = backend.read('a');
    await settle();
    invalidations().drop();
    invalidations().connect();
    await settle();
    answer('old');
    await read;
    await backend.read('warm-up');
    await settle();
    put('new');
    expect((await backend.read('a'))?.raw).toBe('new');
  });

  test('rejects when Redis does not answer, and the near cache forgets the row', async () => {
    open();
    await connect();
    put('text');
    await backend.read('a');
    redis().drop();
    const result = expect(backend.read('a')).rejects.toMatchObject({ facts: { away: true } });
    await vi.advanceTimersByTimeAsync(1000);
    await result;
    expect(backend.lastKnown('a')).toBeUndefined();
  });

  test('that rejects keeps the last known row if the option says so, with or without the near cache', async () => {
    for (const nearCache of [{ entries: 10, bytes: 100_000, staleMs: 40 }, false] as const) {
      client = new FakeIoredis({ keyPrefix: 'app:' });
      open({ keepLastKnown: true, nearCache });
      await connect();
      put('text');
      await backend.read('a');
      redis().drop();
      const result = expect(backend.read('a')).rejects.toMatchObject({ facts: { away: true } });
      await vi.advanceTimersByTimeAsync(1000);
      await result;
      expect(backend.lastKnown('a')?.raw).toBe('text');
      await backend.close();
    }
  });
});

describe('a write', () => {
  beforeEach(async () => {
    open();
    await connect();
  });

  test('creates a row with a script, and the near cache has it', async () => {
    answers[create] = 1;
    await backend.create('a', 'text', 5000);
    expect(sent()).toEqual([['evalsha', create, 1, 'app:sess:a', 'text', 5000]]);
    expect(await backend.read('a')).toEqual({ raw: 'text', expiresAt: now + 5000 });
    expect(sent()).toHaveLength(1);
  });

  test('replaces a row, and the near cache has the new one', async () => {
    put('old');
    await backend.read('a');
    answers[replace] = 1;
    expect(await backend.replace('a', 'old', 'new', 5000)).toBe('stored');
    expect((await backend.read('a'))?.raw).toBe('new');
    expect(nearCache()).toMatchObject({ hits: 1 });
  });

  test('finds the row of another client, which the near cache then has', async () => {
    answers[replace] = ['other', 700];
    const other = { raw: 'other', expiresAt: now + 700 };
    expect(await backend.replace('a', 'old', 'new', 5000)).toEqual(other);
    expect(await backend.read('a')).toEqual(other);
    expect(nearCache()).toMatchObject({ hits: 1 });
  });

  test('finds that the row is gone, and the near cache forgets it', async () => {
    put('old');
    await backend.read('a');
    answers[replace] = 0;
    expect(await backend.replace('a', 'old', 'new', 5000)).toBe('gone');
    expect(backend.lastKnown('a')).toBeUndefined();
  });

  test('that was invalidated before its answer is not kept', async () => {
    const answer = hold(create);
    const written = backend.create('a', 'mine', 5000);
    await settle();
    invalidations().invalidate(['app:sess:a']);
    answer(1);
    await written;
    put('of another client');
    expect((await backend.read('a'))?.raw).toBe('of another client');
  });

  test('that fails makes the near cache forget the row', async () => {
    put('old');
    await backend.read('a');
    answers[create] = replyError('OOM command not allowed');
    await expect(backend.create('a', 'new', 5000)).rejects.toMatchObject({
      facts: { answer: 'OOM command not allowed' },
    });
    expect(backend.lastKnown('a')).toBeUndefined();
  });
});

describe('a replacement whose answer was lost', () => {
  beforeEach(async () => {
    open();
    await connect();
    runs = 0;
  });

  let runs: number;
  /** The connection breaks during the first command on a row. The answer to the next one is `answer`. */
  function breakOnce(answer: unknown): void {
    redis().answer = trackingServer(invalidations, () => {
      if (++runs === 1) throw new Error('Connection is closed.');
      return answer;
    });
  }

  test.each([
    ['stored when Redis had not run it', 1, 'stored'],
    ['stored when the row is its own, because Redis had run it', ['new', 4000], 'stored'],
    ['gone when there is no row', 0, 'gone'],
  ])('is repeated, and %s', async (_name, answer, expected) => {
    breakOnce(answer);
    expect(await backend.replace('a', 'old', 'new', 5000)).toBe(expected);
    expect(runs).toBe(2);
  });

  test('is an error when another row is there: nobody can know whether it was stored in between', async () => {
    breakOnce(['other', 4000]);
    await expect(backend.replace('a', 'old', 'new', 5000)).rejects.toMatchObject({
      message: 'The connection to Redis broke before the answer',
    });
    expect(runs).toBe(2);
  });

  test('is not repeated without a known row: it would overwrite a later one', async () => {
    breakOnce(1);
    await expect(backend.replace('a', undefined, 'new', 5000)).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
    });
    expect(runs).toBe(1);
  });

  test('is not repeated after its time', async () => {
    hold(replace);
    const result = expect(backend.replace('a', 'old', 'new', 5000)).rejects.toMatchObject({
      message: 'Redis did not answer within 1000 ms',
    });
    await vi.advanceTimersByTimeAsync(1000);
    await result;
    expect(sent()).toHaveLength(1);
  });

  test('is not repeated when Redis refused it', async () => {
    answers[replace] = replyError('OOM command not allowed');
    await expect(backend.replace('a', 'old', 'new', 5000)).rejects.toMatchObject({
      facts: { answer: 'OOM command not allowed' },
    });
    expect(sent()).toHaveLength(1);
  });
});

describe('a touch', () => {
  beforeEach(async () => {
    open();
    await connect();
  });

  test('lengthens the row in the near cache', async () => {
    put('text', 1000);
    await backend.read('a');
    answers[touch] = 1;
    expect(await backend.touch('a', 9000)).toBe(true);
    expect(sent().at(-1)).toEqual(['evalsha', touch, 1, 'app:sess:a', 9000]);
    expect(await backend.read('a')).toEqual({ raw: 'text', expiresAt: now + 9000 });
    expect(nearCache()).toMatchObject({ hits: 1 });
  });

  test('of a row that the near cache does not have adds nothing to it', async () => {
    answers[touch] = 1;
    expect(await backend.touch('a', 9000)).toBe(true);
    expect(nearCache()).toMatchObject({ entries: 0 });
  });

  test('of a row of an earlier period adds nothing to the near cache', async () => {
    put('text', 5000);
    await backend.read('a');
    invalidations().drop();
    invalidations().connect();
    await settle();
    answers[touch] = 1;
    await backend.touch('a', 9000);
    expect(nearCache()).toMatchObject({ on: true, entries: 0 });
  });

  test('of a missing row is false, and removes it from the near cache', async () => {
    put('text', 1000);
    await backend.read('a');
    answers[touch] = 0;
    expect(await backend.touch('a', 9000)).toBe(false);
    expect(backend.lastKnown('a')).toBeUndefined();
  });
});

describe('a removal', () => {
  beforeEach(async () => {
    open();
    await connect();
    put('text');
    await backend.read('a');
  });

  test('deletes the key, and the near cache forgets the row before and after', async () => {
    const answer = hold('del');
    const removed = backend.remove('a');
    expect(backend.lastKnown('a')).toBeUndefined();
    const read = backend.read('a');
    await settle();
    expect(backend.lastKnown('a')).toBeDefined();
    answer(1);
    await Promise.all([removed, read]);
    expect(backend.lastKnown('a')).toBeUndefined();
    expect(sent().at(-1)).toEqual(['pttl', 'app:sess:a']);
    expect(sent()).toContainEqual(['del', 'app:sess:a']);
  });

  test('that fails makes the near cache forget the row too', async () => {
    answers.del = replyError('NOPERM');
    await expect(backend.remove('a')).rejects.toMatchObject({ facts: { answer: 'NOPERM' } });
    expect(backend.lastKnown('a')).toBeUndefined();
  });
});

test('the list has the sids without prefix, and no probe', async () => {
  open();
  await connect();
  answers.scan = ['0', ['app:sess:a', 'app:sess:limpet-probe-1', 'app:sess:b']];
  const batches: string[][] = [];
  for await (const batch of backend.list()) batches.push(batch);
  expect(batches).toEqual([['a', 'b']]);
  expect(redis().sent.at(-1)).toEqual(['scan', '0', 'match', 'app:sess:*', 'count', 500]);
});

describe('the listener', () => {
  beforeEach(async () => {
    open();
    await connect();
  });

  test('gets changed() with the sid for each session that is followed', () => {
    backend.follow('a');
    backend.follow('b');
    backend.unfollow('b');
    invalidations().invalidate(['app:sess:a', 'app:sess:b', 'app:sess:c']);
    expect(events).toEqual([['changed', 'a']]);
  });

  test('gets changed() without a sid when Redis invalidates all keys, and when a tracking period begins', async () => {
    invalidations().invalidate(null);
    expect(events).toEqual([['changed']]);
    invalidations().drop();
    invalidations().connect();
    await settle();
    expect(events).toEqual([['changed'], ['changed']]);
  });

  test('gets down() and up()', async () => {
    redis().drop('ECONNRESET');
    redis().connect();
    await settle();
    expect(events).toEqual([['down', 'ECONNRESET'], ['up'], ['changed']]);
  });

  test('gets degraded() once when Redis refuses scripts', async () => {
    answers[create] = replyError("NOPERM no permissions to run the 'evalsha' command");
    answers.set = 'OK';
    await backend.create('a', 'text', 5000);
    await backend.create('b', 'text', 5000);
    expect(events).toEqual([['degraded', 'compareAndSet', expect.stringContaining('NOPERM')]]);
    expect(backend.status()).toMatchObject({
      compareAndSet: { on: false, reason: expect.stringContaining('NOPERM') },
    });
  });

  test('gets no call after close', async () => {
    await backend.close();
    redis().drop();
    expect(events).toEqual([]);
  });
});

describe('tracking that Redis refuses', () => {
  const refuse = (words: Words): unknown => {
    if (words[1] === 'tracking') throw replyError('NOPERM no permissions');
    return trackingServer(invalidations, answerRows)(words);
  };

  test('is reported once, and rows are not kept', async () => {
    open();
    for (const { connection } of client.duplicates) connection.answer = refuse;
    invalidations().connect();
    await settle();
    redis().connect();
    await settle();
    expect(events).toEqual([['up'], ['degraded', 'nearCache', 'NOPERM no permissions']]);
    put('text');
    await backend.read('a');
    expect(nearCache()).toMatchObject({ on: false, reason: 'NOPERM no permissions', entries: 0 });
  });
});

describe('the status', () => {
  test('reports which features are on', async () => {
    open();
    expect(backend.status()).toMatchObject({ up: false, reason: 'not connected yet' });
    await connect();
    expect(backend.status()).toEqual({
      kind: 'redis',
      topology: 'single',
      up: true,
      reason: undefined,
      nearCache: {
        on: true,
        reason: undefined,
        hits: 0,
        misses: 1,
        invalidations: 0,
        entries: 0,
        bytes: 0,
      },
      compareAndSet: { on: true, reason: undefined },
    });
  });

  test('names the option when the near cache is switched off, which is not degraded', async () => {
    open({ nearCache: false });
    await connect();
    expect(client.duplicates).toHaveLength(1);
    expect(nearCache()).toMatchObject({ on: false, reason: 'switched off by the option nearCache' });
    expect(events).toEqual([]);
    put('text');
    await backend.read('a');
    expect(nearCache()).toMatchObject({ entries: 0 });
  });

  test('names the topology of a Cluster', () => {
    const cluster = new FakeCluster();
    client = new FakeIoredis();
    Object.assign(client, { isCluster: true, duplicate: () => cluster });
    open();
    expect(backend.status()).toMatchObject({ topology: 'cluster', up: false });
  });
});

test('the option replicas adds WAIT to a write', async () => {
  open({ replicas: 1 });
  await connect();
  Object.assign(answers, { [create]: 1, wait: 1 });
  await backend.create('a', 'text', 5000);
  expect(sent().at(-1)).toEqual(['wait', 1, 500]);
});

test('calls after close reject', async () => {
  open();
  await backend.close();
  await backend.close();
  await expect(backend.read('a')).rejects.toMatchObject({ code: 'ERR_LIMPET_CLOSED' });
});
