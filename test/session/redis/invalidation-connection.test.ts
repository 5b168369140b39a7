import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InvalidationConnection } from '../../../src/session/redis/invalidation-connection.ts';
import { settle, useFakeClock } from '../fake-clock.ts';
import { FakeIoredis, replyError, trackingServer } from './fake-ioredis.ts';

let redis: FakeIoredis;
let commands: FakeIoredis;
let connection: InvalidationConnection;
let events: string[];
beforeEach(() => {
  useFakeClock();
  redis = new FakeIoredis();
  commands = new FakeIoredis();
  for (const fake of [redis, commands]) fake.answer = trackingServer(() => redis);
  events = [];
  connection = new InvalidationConnection(redis, {
    onReady: () => events.push('ready'),
    onLost: (reason) => events.push(`lost: ${reason}`),
    onInvalidation: (key) => events.push(`invalid: ${key}`),
  });
});
afterEach(() => vi.useRealTimers());

async function subscribe(): Promise<void> {
  redis.connect();
  await settle();
  redis.sent.length = 0;
  events.length = 0;
}
const track = (probeKey?: string): Promise<void> =>
  connection.track(commands, probeKey, performance.now() + 500);
const pings = (): number => redis.sent.filter(([name]) => name === 'ping').length;

describe('the subscription', () => {
  test('asks for the CLIENT ID before it subscribes', async () => {
    redis.connect();
    await settle();
    expect(redis.sent).toEqual([
      ['client', 'id'],
      ['subscribe', '__redis__:invalidate'],
    ]);
    expect(events).toEqual(['ready']);
  });

  test('reports a refusal as a loss', async () => {
    redis.answer = () => {
      throw replyError("NOPERM this user has no permissions to run the 'client|id' command");
    };
    redis.connect();
    await settle();
    expect(events).toEqual(["lost: NOPERM this user has no permissions to run the 'client|id' command"]);
    await expect(track()).rejects.toThrow('NOPERM');
  });

  test('reports the loss of the connection', async () => {
    await subscribe();
    redis.drop('ECONNRESET');
    expect(events).toEqual(['lost: the connection for invalidations closed']);
    await expect(track()).rejects.toThrow('the connection for invalidations closed');
  });

  test('does not exist before the connection is up', async () => {
    await expect(track()).rejects.toThrow('the connection for invalidations is not up');
    expect(commands.sent).toEqual([]);
  });
});

describe('an invalidation', () => {
  test('is reported for each key of a message, and once for all keys', async () => {
    await subscribe();
    redis.invalidate(['sess:a', 'sess:é']);
    redis.invalidate(null);
    expect(events).toEqual(['invalid: sess:a', 'invalid: sess:é', 'invalid: undefined']);
  });
});

describe('tracking', () => {
  beforeEach(subscribe);

  test('is switched on with NOLOOP after a probe without it', async () => {
    await track('limpet-probe-1');
    expect(commands.sent).toEqual([
      ['client', 'tracking', 'off'],
      ['client', 'tracking', 'on', 'redirect', 42],
      ['get', 'limpet-probe-1'],
      ['set', 'limpet-probe-1', '{"cookie":{}}', 'px', 1000],
      ['del', 'limpet-probe-1'],
      ['client', 'tracking', 'off'],
      ['client', 'tracking', 'on', 'redirect', 42, 'noloop'],
    ]);
    // The probe's three commands are one write: no other client sees the key.
    expect(commands.writes).toBe(3);
    expect(events).toEqual([]);
  });

  test('has no probe without a key for it', async () => {
    await track(undefined);
    expect(commands.sent).toEqual([
      ['client', 'tracking', 'off'],
      ['client', 'tracking', 'on', 'redirect', 42, 'noloop'],
    ]);
  });

  test('is refused when the server accepts it and sends no invalidation', async () => {
    commands.answer = () => 'OK';
    const result = expect(track('limpet-probe-1')).rejects.toThrow(
      'this Redis accepts CLIENT TRACKING and sends no invalidation',
    );
    await vi.advanceTimersByTimeAsync(500);
    await result;
    expect(commands.log.at(-1)).toBe('del limpet-probe-1');
  });

  test('the invalidation of another key is not the probe’s', async () => {
    commands.answer = () => 'OK';
    const result = expect(track('limpet-probe-1')).rejects.toThrow('sends no invalidation');
    await settle();
    redis.invalidate(['sess:a']);
    await vi.advanceTimersByTimeAsync(500);
    await result;
    expect(events).toEqual(['invalid: sess:a']);
  });

  test('the invalidation of an earlier probe is an ordinary one', async () => {
    await track('limpet-probe-1');
    redis.invalidate(['limpet-probe-1']);
    expect(events).toEqual(['invalid: limpet-probe-1']);
  });

  test('passes on the error of the server', async () => {
    commands.answer = () => {
      throw replyError('ERR unknown subcommand');
    };
    await expect(track('limpet-probe-1')).rejects.toThrow('ERR unknown subcommand');
    await expect(track(undefined)).rejects.toThrow('ERR unknown subcommand');
  });

  test('is refused when CLIENT TRACKING is not answered in time', async () => {
    commands.answer = () => new Promise(() => undefined);
    const result = expect(track(undefined)).rejects.toThrow(
      'this Redis did not answer CLIENT TRACKING in time',
    );
    await vi.advanceTimersByTimeAsync(500);
    await result;
  });

  test('is void when the connection was lost in between', async () => {
    let answer = (_value: unknown): void => undefined;
    const held = new Promise((resolve) => {
      answer = resolve;
    });
    commands.answer = () => held;
    const result = expect(track(undefined)).rejects.toThrow('the connection for invalidations closed');
    await settle();
    redis.drop();
    answer('OK');
    await result;
  });

  test('is void when the connection was lost and subscribed again in between', async () => {
    let answer = (_value: unknown): void => undefined;
    const held = new Promise((resolve) => {
      answer = resolve;
    });
    commands.answer = () => held;
    const result = expect(track(undefined)).rejects.toThrow('the connection for invalidations closed');
    await settle();
    redis.drop();
    redis.answer = ([, word]) => (word === 'id' ? 43 : 'OK');
    redis.connect();
    await settle();
    answer('OK');
    await result;
  });
});

describe('heardWithin', () => {
  beforeEach(subscribe);

  test('is false for the first call, and true when a PING has been answered', async () => {
    expect(connection.heardWithin(40)).toBe(false);
    await settle();
    expect(connection.heardWithin(40)).toBe(true);
  });

  test('counts from when the PING was sent, not from its answer', async () => {
    let answer = (_value: unknown): void => undefined;
    redis.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    connection.heardWithin(40);
    await vi.advanceTimersByTimeAsync(30);
    answer('PONG');
    redis.answer = () => new Promise(() => undefined);
    await settle();
    expect(connection.heardWithin(40)).toBe(true);
    expect(connection.heardWithin(30)).toBe(false);
    await vi.advanceTimersByTimeAsync(10);
    expect(connection.heardWithin(40)).toBe(false);
  });

  test('sends a PING every 10 ms, one at a time', async () => {
    connection.heardWithin(40);
    await vi.advanceTimersByTimeAsync(50);
    expect(pings()).toBe(6);
    redis.answer = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(50);
    expect(pings()).toBe(7);
    expect(vi.getTimerCount()).toBe(1);
  });

  test('goes on with the next PING after one that failed', async () => {
    redis.answer = () => {
      throw replyError('LOADING');
    };
    connection.heardWithin(40);
    await settle();
    expect(connection.heardWithin(40)).toBe(false);
    redis.answer = () => 'PONG';
    await vi.advanceTimersByTimeAsync(10);
    expect(connection.heardWithin(40)).toBe(true);
  });

  test('stops the PINGs two seconds after the last call, and begins again', async () => {
    connection.heardWithin(40);
    await vi.advanceTimersByTimeAsync(2010);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(10);
    expect(vi.getTimerCount()).toBe(0);
    const before = pings();
    expect(connection.heardWithin(1_000_000)).toBe(false);
    await settle();
    expect(pings()).toBe(before + 1);
    expect(connection.heardWithin(40)).toBe(true);
  });

  test('keeps the PINGs on while reads ask', async () => {
    for (let n = 0; n < 10; n++) {
      connection.heardWithin(40);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(vi.getTimerCount()).toBe(1);
    expect(connection.heardWithin(40)).toBe(true);
  });

  test('is false after a loss, also when a late answer to a PING arrives', async () => {
    let answer = (_value: unknown): void => undefined;
    connection.heardWithin(40);
    await settle();
    redis.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await vi.advanceTimersByTimeAsync(10);
    redis.drop();
    answer('PONG');
    await settle();
    expect(connection.heardWithin(40)).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sends nothing while the connection is not subscribed', async () => {
    redis.drop();
    expect(connection.heardWithin(40)).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(pings()).toBe(0);
  });

  test('does not keep the process alive', () => {
    const setInterval = vi.spyOn(globalThis, 'setInterval');
    connection.heardWithin(40);
    const timer = setInterval.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
  });
});

describe('beat', () => {
  test('sends a PING, and leaves a connection that answers', async () => {
    await subscribe();
    await connection.beat(performance.now() + 1000);
    expect(pings()).toBe(1);
    expect(redis.disconnects).toEqual([]);
  });

  test('opens a connection again that does not answer in time, or answers with an error', async () => {
    await subscribe();
    redis.answer = () => new Promise(() => undefined);
    const beat = connection.beat(performance.now() + 1000);
    await vi.advanceTimersByTimeAsync(1000);
    await beat;
    expect(events).toEqual(['lost: the connection for invalidations is opened again']);
    expect(redis.disconnects).toEqual([true]);
  });

  test('does nothing before the connection is up', async () => {
    await connection.beat(performance.now() + 1000);
    expect(redis.sent).toEqual([]);
  });
});

test('close() closes the connection and stops the PINGs', async () => {
  await subscribe();
  connection.heardWithin(40);
  connection.close();
  expect(redis.disconnects).toEqual([undefined]);
  expect(vi.getTimerCount()).toBe(0);
});
