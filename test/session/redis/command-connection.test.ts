import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CommandConnection } from '../../../src/session/redis/command-connection.ts';
import { settle, useFakeClock } from '../fake-clock.ts';
import { FakeIoredis, replyError } from './fake-ioredis.ts';

let redis: FakeIoredis;
let connection: CommandConnection;
let events: string[];
beforeEach(() => {
  useFakeClock();
  redis = new FakeIoredis();
  events = [];
  connection = new CommandConnection(redis, {
    commandTimeoutMs: 1000,
    onUp: () => events.push(`up, ${connection.downReason}`),
    onLoss: (reason) => events.push(`loss: ${reason}, before: ${connection.downReason}`),
    onDown: () => events.push(`down: ${connection.downReason}`),
  });
});
afterEach(() => vi.useRealTimers());

const get = (repeat: 'once' | 'repeatable' = 'once', withinMs = 500): Promise<unknown[]> =>
  connection.exec([['get', 'a']], performance.now() + withinMs, repeat);
/** Lets the next commands wait; returns what settles the first of them. */
function holdAnswer(): { answer: (value: unknown) => void; fail: (error: Error) => void } {
  let answer = (_value: unknown): void => undefined;
  let fail = (_error: Error): void => undefined;
  const held = new Promise((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  redis.answer = () => held;
  return { answer: (value) => answer(value), fail: (error) => fail(error) };
}

describe('a connection that is up', () => {
  beforeEach(() => {
    redis.connect();
    events.length = 0;
  });

  test('sends the commands and resolves with their answers', async () => {
    redis.answer = ([name]) => `answer to ${name}`;
    expect(await get()).toEqual(['answer to get']);
    expect(redis.sent).toEqual([['get', 'a']]);
    expect(events).toEqual([]);
  });

  test('passes on an error of Redis, and stays up', async () => {
    redis.answer = () => {
      throw replyError('OOM command not allowed');
    };
    await expect(get()).rejects.toMatchObject({ name: 'ReplyError', message: 'OOM command not allowed' });
    await expect(get('repeatable')).rejects.toMatchObject({ name: 'ReplyError' });
    expect(connection.downReason).toBeUndefined();
    expect(redis.disconnects).toEqual([]);
  });

  test('rejects at the deadline, and opens again', async () => {
    holdAnswer();
    const result = expect(get('repeatable')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'Redis did not answer within 1000 ms',
      facts: { away: true, commandTimeoutMs: 1000 },
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(events).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await result;
    expect(events).toEqual([
      'loss: Redis did not answer in time, before: undefined',
      'down: Redis did not answer in time',
    ]);
    expect(redis.disconnects).toEqual([true]);
  });

  test('ignores an answer that comes after the deadline', async () => {
    const { answer } = holdAnswer();
    const result = expect(get()).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
    await vi.advanceTimersByTimeAsync(500);
    await result;
    answer('late');
    await settle();
    expect(connection.downReason).toBe('Redis did not answer in time');
  });
});

describe('a connection that is lost while a command is in flight', () => {
  beforeEach(() => redis.connect());

  test('rejects a command that may run only once, which may have been sent', async () => {
    const { fail } = holdAnswer();
    const result = expect(get('once')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'The connection to Redis broke before the answer',
      facts: { away: true },
      cause: new Error('Connection is closed.'),
    });
    redis.drop();
    fail(new Error('Connection is closed.'));
    await result;
    expect(redis.sent).toHaveLength(1);
  });

  test('the error of a command that may have been sent does not say that it was not', async () => {
    const { fail } = holdAnswer();
    const error = get('once').catch((reason) => reason);
    redis.drop();
    fail(new Error('Connection is closed.'));
    expect((await error).facts).not.toHaveProperty('sent');
  });

  test('sends a repeatable command again when it is up again', async () => {
    const { fail } = holdAnswer();
    const result = get('repeatable');
    redis.drop();
    fail(new Error('Connection is closed.'));
    await settle();
    redis.answer = () => 'second answer';
    redis.connect();
    expect(await result).toEqual(['second answer']);
    expect(redis.sent).toHaveLength(2);
  });

  test('rejects a repeatable command at its deadline', async () => {
    const { fail } = holdAnswer();
    const result = expect(get('repeatable')).rejects.toMatchObject({
      message: 'Redis is away: the connection to Redis closed',
      facts: { away: true, sent: false, reason: 'the connection to Redis closed' },
    });
    redis.drop();
    fail(new Error('Connection is closed.'));
    await vi.advanceTimersByTimeAsync(500);
    await result;
  });

  test('is opened again when ioredis cannot write to it and has not noticed the loss', async () => {
    redis.answer = () => {
      throw new Error("Stream isn't writeable");
    };
    const result = get('repeatable');
    await settle();
    expect(connection.downReason).toBe('the connection is not writable');
    expect(redis.disconnects).toEqual([true]);
    redis.answer = () => 'answer';
    redis.connect();
    expect(await result).toEqual(['answer']);
  });
});

describe.each(['READONLY You can’t write', 'MASTERDOWN Link is down', 'LOADING Redis is loading'])(
  'a server that answers %j',
  (message) => {
    beforeEach(() => {
      redis.connect();
      redis.answer = () => {
        throw replyError(message);
      };
    });

    test('is not the one to ask: a command that may run only once is rejected, and the connection opens again', async () => {
      await expect(get('once')).rejects.toMatchObject({
        code: 'ERR_LIMPET_STORE',
        message: `Redis answered: ${message}`,
        facts: { away: true },
        cause: replyError(message),
      });
      expect(connection.downReason).toBe(message);
      expect(redis.disconnects).toEqual([true]);
    });

    test('is not the one to ask: a repeatable command goes to the next one', async () => {
      const result = get('repeatable');
      await settle();
      redis.answer = () => 'from the master';
      redis.connect();
      expect(await result).toEqual(['from the master']);
    });
  },
);

describe('a connection that is down', () => {
  test('is down before it has connected', () => {
    expect(connection.downReason).toBe('not connected yet');
    expect(connection.closed).toBe(false);
  });

  test('lets commands wait, and sends them in order when it is up', async () => {
    const results = [
      connection.exec([['one']], performance.now() + 500, 'once'),
      connection.exec([['two']], performance.now() + 500, 'once'),
    ];
    await vi.advanceTimersByTimeAsync(499);
    expect(redis.sent).toEqual([]);
    redis.connect();
    await Promise.all(results);
    expect(redis.sent).toEqual([['one'], ['two']]);
    expect(events).toEqual(['up, undefined']);
  });

  test('rejects a command at its deadline, and says that it was not sent', async () => {
    await vi.advanceTimersByTimeAsync(300);
    const result = expect(get()).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'Redis is away: not connected yet',
      facts: { away: true, sent: false, reason: 'not connected yet', awayMs: 300 },
    });
    await vi.advanceTimersByTimeAsync(499);
    await vi.advanceTimersByTimeAsync(1);
    await result;
    redis.connect();
    await settle();
    expect(redis.sent).toEqual([]);
  });

  test('rejects at once when it has been down for longer than commandTimeoutMs', async () => {
    await vi.advanceTimersByTimeAsync(1000);
    const waiting = vi.fn();
    get().catch(waiting);
    await settle();
    expect(waiting).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await expect(get()).rejects.toMatchObject({ facts: { sent: false, awayMs: 1001 } });
  });

  test('counts the time from the first loss, however often it is lost again', async () => {
    redis.connect();
    await vi.advanceTimersByTimeAsync(5000);
    redis.drop();
    await vi.advanceTimersByTimeAsync(600);
    redis.drop();
    await vi.advanceTimersByTimeAsync(401);
    await expect(get()).rejects.toMatchObject({ facts: { awayMs: 1001 } });
  });

  test('names the last error of ioredis as the reason, until it was up again', () => {
    redis.drop('connect ECONNREFUSED 127.0.0.1:6379');
    expect(connection.downReason).toBe('connect ECONNREFUSED 127.0.0.1:6379');
    redis.connect();
    redis.drop();
    expect(connection.downReason).toBe('the connection to Redis closed');
  });

  test('reports a loss before downReason is set, and again when it is set', () => {
    redis.connect();
    redis.drop();
    expect(events).toEqual([
      'up, undefined',
      'loss: the connection to Redis closed, before: undefined',
      'down: the connection to Redis closed',
    ]);
  });
});

describe('close', () => {
  test('rejects the commands that wait, and closes the connection', async () => {
    const result = expect(get()).rejects.toMatchObject({ message: 'Redis is away: closed' });
    await settle();
    connection.close();
    await result;
    expect(connection.closed).toBe(true);
    expect(redis.disconnects).toEqual([undefined]);
    await expect(get()).rejects.toMatchObject({ facts: { sent: false } });
  });

  test('is idempotent', () => {
    connection.close();
    connection.close();
    expect(redis.disconnects).toHaveLength(1);
    expect(events).toEqual(['loss: closed, before: not connected yet', 'down: closed']);
  });

  test('is final: the connection ignores a late ready, and does not open again', () => {
    connection.close();
    events.length = 0;
    redis.connect();
    connection.reconnect('later');
    expect(events).toEqual([]);
    expect(connection.downReason).toBe('closed');
    expect(redis.disconnects).toHaveLength(1);
  });
});
