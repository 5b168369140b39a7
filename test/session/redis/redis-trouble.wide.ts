import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis5';
import { Redis as Redis6 } from 'ioredis6';
import { RedisStore, type RedisStoreOptions, type SessionFields } from 'limpet/session';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { needs } from '../../needs.ts';
import { ask, startRedis, startRedisTls } from '../../services/redis.ts';
import type { Service } from '../../services/service.ts';

needs('redis-server');

const closers: (() => unknown)[] = [];
let redis: Service;
beforeEach(async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  redis = await startRedis();
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0)) await close();
  await redis.stop();
});

function open(options: Partial<RedisStoreOptions> = {}, connect: object = {}): RedisStore {
  const client = new Redis({ port: redis.port, host: '127.0.0.1', ...connect });
  client.on('error', () => undefined);
  const store = new RedisStore({ client, commandTimeoutMs: 400, ...options });
  closers.push(async () => {
    await store.close();
    client.disconnect();
  });
  return store;
}

interface Status {
  up: boolean;
  nearCache: {
    on: boolean;
    reason?: string;
    hits: number;
    misses: number;
    invalidations: number;
    entries: number;
    bytes: number;
  };
  compareAndSet: { on: boolean; reason?: string };
  failures: number;
}
const status = (store: RedisStore): Status => store.status() as unknown as Status;

async function until(condition: string, holds: () => unknown): Promise<void> {
  const endsAt = Date.now() + 8000;
  while (!(await holds())) {
    if (Date.now() > endsAt) throw new Error(`not within 8 s: ${condition}`);
    await pause(5);
  }
}
const tracked = (store: RedisStore): Promise<void> =>
  until('the near cache is on', () => status(store).nearCache.on);

const fields = (more: object): SessionFields => ({
  cookie: { originalMaxAge: null, expires: null },
  ...more,
});
const read = async (store: RedisStore, sid: string): Promise<SessionFields> => {
  const found = await store.get(sid);
  if (!found) throw new Error(`session ${sid} is missing`);
  return found;
};

/** Reads until the near cache answers. It would then answer the next read too. */
async function warm(store: RedisStore, sid: string): Promise<void> {
  await tracked(store);
  await until('the near cache has answered a read', async () => {
    const before = status(store).nearCache.hits;
    await store.get(sid);
    return status(store).nearCache.hits > before;
  });
}

describe('the near cache', () => {
  test('answers reads of a row that it holds, and counts them', async () => {
    const store = open();
    await store.set('a', fields({ n: 1 }));
    await warm(store, 'a');
    const before = status(store).nearCache;
    for (let n = 0; n < 100; n++) expect((await read(store, 'a')).n).toBe(1);
    const after = status(store).nearCache;
    expect(after.hits + after.misses).toBe(before.hits + before.misses + 100);
    expect([after.hits > before.hits, after.entries]).toEqual([true, 1]);
    await ask(redis.port, (admin) => admin.set('sess:a', JSON.stringify(fields({ n: 2 }))));
    await until(
      'the invalidation has arrived',
      () => status(store).nearCache.invalidations > before.invalidations,
    );
    expect((await read(store, 'a')).n).toBe(2);
  });

  test.each([
    [
      'a write of its own',
      async (store: RedisStore) => store.set('a', Object.assign(await read(store, 'a'), { mine: 1 })),
    ],
    [
      'a touch of its own',
      async (store: RedisStore) => store.touch('a', { cookie: { expires: new Date(Date.now() + 9e5) } }),
    ],
    ['a plain write of its own', async (store: RedisStore) => store.set('a', fields({ mine: 1 }))],
    ['nothing', async () => undefined],
  ])('drops a row that another store writes after %s', async (_name, act) => {
    const [store, other] = [open({ touchAfterMs: 0 }), open()];
    await store.set('a', fields({ n: 0 }));
    for (let n = 1; n <= 25; n++) {
      await warm(store, 'a');
      await act(store);
      await other.set('a', fields({ n }));
      await pause(5);
      expect((await read(store, 'a')).n).toBe(n);
    }
  });

  test('does not keep a row whose invalidation came before the row', async () => {
    const [store, other] = [open(), open()];
    await other.set('a', fields({ n: 0 }));
    await tracked(store);
    for (let n = 1; n <= 250; n++) {
      await Promise.all([store.get('a'), other.set('a', fields({ n })), store.get('a'), store.get('a')]);
      await pause(2);
      expect((await read(store, 'a')).n).toBe(n);
    }
  });

  test.each(['normal', 'pubsub'])('drops all rows when a connection of type %s is cut', async (type) => {
    const [store, other] = [open(), open()];
    await other.set('a', fields({ n: 0 }));
    for (let n = 1; n <= 5; n++) {
      await warm(store, 'a');
      await ask(redis.port, (admin) => admin.call('CLIENT', 'KILL', 'TYPE', type));
      await ask(redis.port, (admin) => admin.set('sess:a', JSON.stringify(fields({ n }))));
      await pause(20);
      expect((await read(store, 'a')).n).toBe(n);
      await warm(store, 'a');
    }
  });

  test('drops all rows at FLUSHALL', async () => {
    const store = open();
    await store.set('a', fields({ n: 1 }));
    await warm(store, 'a');
    await ask(redis.port, (admin) => admin.flushall());
    await until('the session is gone', async () => (await store.get('a')) === null);
  });

  test('does not answer after the process was held up', async () => {
    const [store, other] = [open(), open()];
    await other.set('a', fields({ n: 1 }));
    await warm(store, 'a');
    await warm(store, 'a');
    const before = status(store).nearCache;
    for (const until = performance.now() + 60; performance.now() < until; );
    await store.get('a');
    expect(status(store).nearCache).toMatchObject({ hits: before.hits, misses: before.misses + 1 });
  });

  test('keeps its bounds of entries and bytes', async () => {
    const store = open({ nearCache: { entries: 50, bytes: 20_000 } });
    await tracked(store);
    for (let n = 0; n < 80; n++) await store.set(`s${n}`, fields({ n }));
    expect(status(store).nearCache.entries).toBeLessThanOrEqual(50);
    for (let n = 0; n < 80; n++) await store.set(`s${n}`, fields({ text: 'x'.repeat(1500) }));
    expect(status(store).nearCache.bytes).toBeLessThanOrEqual(20_000);
  });

  test('is off if the option nearCache is false', async () => {
    const store = open({ nearCache: false });
    await store.set('a', fields({ n: 1 }));
    await store.get('a');
    expect(status(store).nearCache).toMatchObject({ on: false, hits: 0, entries: 0 });
    expect(status(store).nearCache.reason).toContain('option');
  });
});

describe('a Redis user with fewer rights', () => {
  test.each([
    ['nearCache', '-client|tracking'],
    ['nearCache', '-client'],
    ['compareAndSet', '-@scripting'],
  ] as const)('%s is off without the right %s, and the store reports it', async (feature, right) => {
    await ask(redis.port, (admin) =>
      admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~sess:*', '&*', '+@all', right),
    );
    const credentials = { username: 'app', password: 'pw' };
    const [store, other] = [open({}, credentials), open({}, credentials)];
    const degraded: unknown[] = [];
    store.on('degraded', (...event: unknown[]) => degraded.push(event));
    await store.set('a', fields({ n: 1 }));
    const mine = await read(store, 'a');
    mine.n = 2;
    await store.set('a', mine);
    await store.touch('a', mine);
    await until('the event degraded', () => degraded.length > 0);
    expect(status(store)[feature].on).toBe(false);
    expect(status(store)[feature].reason).toMatch(/NOPERM/);
    expect(degraded[0]).toEqual([feature, status(store)[feature].reason]);
    if (feature === 'compareAndSet') await Promise.all([tracked(store), tracked(other)]);
    for (let n = 3; n < 30; n++) {
      const [writer, reader] = n % 2 ? [store, other] : [other, store];
      await writer.set('a', Object.assign(await read(writer, 'a'), { n }));
      await writer.touch('a', fields({}));
      await pause(3);
      expect((await read(reader, 'a')).n).toBe(n);
    }
    const late = await read(store, 'a');
    await other.destroy('a');
    await store.set('a', late);
    expect(await store.get('a')).toBeNull();
  });
});

test('the store uses the credentials and the TLS options of the client', async () => {
  const secured = await startRedisTls();
  closers.push(() => secured.stop());
  const address = { port: secured.port, host: 'localhost', family: 4, tls: { ca: secured.ca } };
  for (const client of [new Redis(address), new Redis6(address)]) {
    const store = new RedisStore({ client });
    await store.set('a', fields({ n: 1 }));
    await warm(store, 'a');
    expect((await read(store, 'a')).n).toBe(1);
    await store.close();
    client.disconnect();
  }
  await ask(redis.port, (admin) => admin.config('SET', 'requirepass', 'open sesame'));
  const store = open({}, { password: 'open sesame' });
  await store.set('a', fields({ n: 1 }));
  await warm(store, 'a');
  const shut = open({}, { password: 'wrong' });
  await expect(shut.get('a')).rejects.toMatchObject({
    code: 'ERR_LIMPET_STORE',
    message: expect.stringContaining('WRONGPASS'),
  });
});

describe('while Redis is away', () => {
  test('calls to a stopped Redis reject in time, no read reports a missing session, and the store recovers', async () => {
    const [store, other] = [open(), open()];
    const events: string[] = [];
    store.on('down', () => events.push('down'));
    store.on('up', () => events.push('up'));
    await store.set('a', fields({ n: 1 }));
    await warm(store, 'a');
    events.length = 0;
    redis.signal('SIGSTOP');
    const from = performance.now();
    const calls = [
      store.set('a', fields({ n: 2 })),
      store.get('b'),
      store.touch('a', fields({})),
      store.destroy('b'),
      store.ids(),
    ];
    const results = await Promise.allSettled(calls);
    expect(performance.now() - from).toBeLessThan(1000);
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_LIMPET_STORE', facts: { away: true } },
      });
    }
    await expect(store.get('a')).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
    redis.signal('SIGCONT');
    await until('Redis answers again', () =>
      store.get('a').then(
        () => true,
        () => false,
      ),
    );
    await until('the event up', () => events.at(-1) === 'up');
    expect(events[0]).toBe('down');
    // Redis may have run the commands that were cut off. But no read returns an older row than the last confirmed one.
    await other.set('a', fields({ n: 3 }));
    await pause(20);
    expect((await read(store, 'a')).n).toBe(3);
  });

  test('after Redis restarts empty, sessions are gone, and saves of them are reported as gone', async () => {
    const store = open();
    await store.set('a', fields({ n: 1 }));
    const mine = await read(store, 'a');
    await warm(store, 'a');
    await redis.kill();
    await redis.restart();
    await until('Redis answers again', () =>
      store.get('x').then(
        () => true,
        () => false,
      ),
    );
    expect(await store.get('a')).toBeNull();
    const gone: string[] = [];
    store.on('gone', (sid: string) => gone.push(sid));
    await store.set('a', mine);
    expect([gone, await store.get('a')]).toEqual([['a'], null]);
    await store.set('b', fields({ n: 2 }));
    expect((await read(store, 'b')).n).toBe(2);
  });

  test('a full Redis refuses writes, and still serves reads and log-outs', async () => {
    const store = open();
    await store.set('a', fields({ n: 1 }));
    const mine = await read(store, 'a');
    await ask(redis.port, (admin) => admin.config('SET', 'maxmemory', '1mb'));
    mine.n = 2;
    await expect(store.set('a', mine)).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('OOM'),
    });
    await expect(store.set('new', fields({}))).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
    expect((await read(store, 'a')).n).toBe(1);
    await store.destroy('a');
    expect(await store.get('a')).toBeNull();
  });

  test('a write rejects when fewer replicas than `replicas` have confirmed it', async () => {
    const store = open({ replicas: 1 });
    await expect(store.set('a', fields({ n: 1 }))).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      facts: { replicas: 1 },
    });
  });

  test("onStoreDown 'stale' returns the session as last seen, and writes reject", async () => {
    for (const nearCache of [{}, false] as const) {
      const store = open({ onStoreDown: 'stale', nearCache });
      await store.set('a', fields({ n: 1 }));
      await store.get('a');
      redis.signal('SIGSTOP');
      const mine = await read(store, 'a');
      expect(mine.n).toBe(1);
      await store.touch('a', mine);
      await expect(store.set('a', mine)).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
      await expect(store.get('unseen')).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
      redis.signal('SIGCONT');
    }
  });

  test("onStoreDown 'anonymous' returns an empty session, which cannot be stored over the real one", async () => {
    const store = open({ onStoreDown: 'anonymous' });
    await store.set('a', fields({ user: 'me' }));
    await until('the near cache is on, without the row', async () => {
      await ask(redis.port, (admin) => admin.expire('sess:a', 1000));
      return status(store).nearCache.on;
    });
    redis.signal('SIGSTOP');
    const nobody = await read(store, 'a');
    expect(nobody.user).toBeUndefined();
    redis.signal('SIGCONT');
    await until('Redis answers again', () =>
      store.get('x').then(
        (found) => found === null,
        () => false,
      ),
    );
    nobody.user = 'you';
    await expect(store.set('a', nobody)).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
    expect((await read(store, 'a')).user).toBe('me');
  });

  test('calls reject in time when Redis was never there, and the process goes on', async () => {
    const client = new Redis({ port: 1, host: '127.0.0.1', lazyConnect: true });
    const store = new RedisStore({ client, commandTimeoutMs: 200 });
    const from = performance.now();
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(store.set('a', fields({}))).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
    expect(performance.now() - from).toBeLessThan(1000);
    expect(status(store).up).toBe(false);
    await store.close();
    await expect(store.get('a')).rejects.toMatchObject({ code: 'ERR_LIMPET_CLOSED' });
  });
});
