import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RedisStore, type RedisStoreOptions } from '../../../src/session/redis/redis-store.ts';
import { useFakeClock } from '../fake-clock.ts';
import { FakeIoredis } from './fake-ioredis.ts';

beforeEach(() => useFakeClock());
afterEach(() => vi.useRealTimers());

const refused = (options: Record<string, unknown>): (() => RedisStore) => {
  return () => new RedisStore({ client: new FakeIoredis(), ...options } as RedisStoreOptions);
};

describe('the options of a RedisStore', () => {
  test('need a client', () => {
    for (const options of [{}, { client: undefined }]) {
      expect(() => new RedisStore(options as RedisStoreOptions)).toThrow(
        expect.objectContaining({
          code: 'ERR_LIMPET_OPTION',
          message: expect.stringContaining('client is missing'),
          facts: { option: 'client' },
        }),
      );
    }
  });

  test.each([
    ['client', [null, {}, { duplicate: Object }, { duplicate: Object, call: Object }]],
    ['prefix', [1, null]],
    ['commandTimeoutMs', [9, 600_001, 10.5, '1000']],
    ['onStoreDown', ['ignore', null]],
    ['nearCache', [true, null, 1, { entries: 0 }, { bytes: 1.5 }, { staleMs: '40' }, { rows: 10 }]],
    ['replicas', [-1, 101, 0.5]],
    ['ttl', [0]],
  ])('refuse a wrong %s', (name, values) => {
    for (const value of values) {
      expect(refused({ [name]: value }), JSON.stringify(value)).toThrow(
        expect.objectContaining({
          code: 'ERR_LIMPET_OPTION',
          facts: expect.objectContaining({ option: name }),
        }),
      );
    }
  });

  test('refuse one that is not known', () => {
    expect(refused({ prefx: 'a' })).toThrow('RedisStore option prefx is not known. Did you mean prefix?');
  });

  test('accept all values in their ranges', async () => {
    for (const options of [
      { prefix: '', commandTimeoutMs: 10, onStoreDown: 'stale', replicas: 100 },
      { commandTimeoutMs: 600_000, onStoreDown: 'anonymous', replicas: 0, nearCache: false },
      { onStoreDown: 'error', nearCache: { entries: 1, bytes: 1, staleMs: 1 } },
      { nearCache: {} },
    ]) {
      await refused(options)().close();
    }
  });
});

describe('a RedisStore', () => {
  test('uses the default prefix and timeout', async () => {
    const client = new FakeIoredis();
    const store = new RedisStore({ client });
    const redis = client.duplicates[0]?.connection as FakeIoredis;
    const result = expect(store.get('a')).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
    await vi.advanceTimersByTimeAsync(999);
    await vi.advanceTimersByTimeAsync(1);
    await result;
    redis.connect();
    redis.answer = () => null;
    expect(await store.get('a')).toBeNull();
    expect(redis.sent[0]).toEqual(['get', 'sess:a']);
    await store.close();
  });

  test('keeps rows as last known for onStoreDown stale only', async () => {
    for (const onStoreDown of ['stale', 'error'] as const) {
      const client = new FakeIoredis();
      const store = new RedisStore({ client, onStoreDown, nearCache: false });
      const redis = client.duplicates[0]?.connection as FakeIoredis;
      redis.connect();
      redis.answer = ([name]) => (name === 'get' ? '{"n":1}' : 5000);
      await store.get('a');
      redis.drop();
      const result = store.get('a').catch(({ code }) => code);
      await vi.advanceTimersByTimeAsync(1000);
      expect(await result).toEqual(onStoreDown === 'stale' ? { n: 1 } : 'ERR_LIMPET_STORE');
      await store.close();
    }
  });

  test('closes its connections and leaves the client', async () => {
    const client = new FakeIoredis();
    const store = new RedisStore({ client });
    await store.close();
    expect(client.duplicates.map(({ connection }) => connection.disconnects)).toEqual([
      [undefined],
      [undefined],
    ]);
    expect(client.disconnects).toEqual([]);
  });
});
