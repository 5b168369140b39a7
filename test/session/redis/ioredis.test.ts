import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  isServerAnswer,
  keyPrefixOf,
  msUntil,
  ownConnection,
  reconnect,
  send,
} from '../../../src/session/redis/ioredis.ts';
import { FakeIoredis, replyError } from './fake-ioredis.ts';

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

describe('send', () => {
  test('calls a single command, and writes several at once', async () => {
    const connection = new FakeIoredis();
    connection.answer = ([name]) => `answer to ${name}`;
    expect(await send(connection, [['get', 'a']])).toEqual(['answer to get']);
    expect(
      await send(connection, [
        ['get', 'a'],
        ['pttl', 'a'],
      ]),
    ).toEqual(['answer to get', 'answer to pttl']);
    expect(connection.writes).toBe(2);
  });

  test('computes the arguments that are functions when it sends', async () => {
    const connection = new FakeIoredis();
    const px = msUntil(1_005_000);
    vi.setSystemTime(1_002_000);
    await send(connection, [['set', 'a', 'text', 'px', px]]);
    await send(connection, [
      ['pexpire', 'a', px],
      ['exists', 'a'],
    ]);
    expect(connection.sent).toEqual([
      ['set', 'a', 'text', 'px', 3000],
      ['pexpire', 'a', 3000],
      ['exists', 'a'],
    ]);
  });

  test('rejects with the first error, when all answers have come', async () => {
    const connection = new FakeIoredis();
    let lastAnswer = (_value: unknown): void => undefined;
    connection.answer = ([name]) => {
      if (name === 'last') {
        return new Promise((resolve) => {
          lastAnswer = resolve;
        });
      }
      throw replyError(`no ${name}`);
    };
    const rejected = vi.fn();
    send(connection, [['one'], ['two'], ['last']]).catch(rejected);
    await vi.advanceTimersByTimeAsync(0);
    expect(rejected).not.toHaveBeenCalled();
    lastAnswer(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(rejected).toHaveBeenCalledExactlyOnceWith(replyError('no one'));
  });

  test('resolves with no answers when ioredis has none', async () => {
    const connection = new FakeIoredis();
    connection.pipeline = () => ({ exec: async () => null as never });
    expect(await send(connection, [['one'], ['two']])).toEqual([]);
  });
});

test('the remaining life is at least a millisecond, and rounded up', () => {
  expect(msUntil(1_000_500)()).toBe(500);
  expect(msUntil(1_000_000.2)()).toBe(1);
  expect(msUntil(1_000_001.2)()).toBe(2);
  expect(msUntil(0)()).toBe(1);
});

test.each([
  ['ready', [true]],
  ['connect', [true]],
  ['connecting', []],
  ['reconnecting', []],
  ['end', []],
])('a connection with the status %j is reconnected only if it is connected', (status, disconnects) => {
  const connection = new FakeIoredis();
  connection.status = status;
  reconnect(connection);
  expect(connection.disconnects).toEqual(disconnects);
});

test('the key prefix is that of the client, or empty', () => {
  expect(keyPrefixOf(new FakeIoredis({ keyPrefix: 'app:' }))).toBe('app:');
  expect(keyPrefixOf(new FakeIoredis())).toBe('');
});

test('only an error with the name ReplyError is an answer of the server', () => {
  expect(isServerAnswer(replyError('OOM'))).toBe(true);
  expect(isServerAnswer(new Error('ECONNRESET'))).toBe(false);
  expect(isServerAnswer({ name: 'ReplyError' })).toBe(false);
});

test('a connection of the store waits 25 ms to 1 s before it connects again', () => {
  const { retryStrategy } = ownConnection as { retryStrategy(attempt: number): number };
  expect([0, 1, 2, 5, 6, 100].map(retryStrategy)).toEqual([25, 50, 100, 800, 1000, 1000]);
});

test('a connection of the store takes over no option that would send a command twice or hide a failure', () => {
  expect(ownConnection).toMatchObject({
    keyPrefix: '',
    protocol: 2,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
});
