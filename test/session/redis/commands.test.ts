import { beforeEach, describe, expect, test, vi } from 'vitest';
import { storeAway } from '../../../src/session/core/store-errors.ts';
import { RedisCommands } from '../../../src/session/redis/commands.ts';
import type { ServerConnection } from '../../../src/session/redis/server-connection.ts';
import type { Answers, Ask, RedisTopology, Request } from '../../../src/session/redis/topology.ts';
import { replyError, type Words } from './fake-ioredis.ts';

const connection = { name: 'of this key' } as unknown as ServerConnection;
const owner = { name: 'of the owner' } as unknown as ServerConnection;

let requests: Request[];
let answer: (commands: Words[]) => unknown[];
let asks: Ask[];
let closed: number;
let tracked: boolean;
beforeEach(() => {
  requests = [];
  answer = (commands) => commands.map(() => 1);
  asks = [];
  closed = 0;
  tracked = true;
});

const topology = {
  kind: 'single',
  connectionFor: () => owner,
  exec: async (request: Request): Promise<Answers> => {
    requests.push(request);
    return { answers: answer(request.commands as Words[]), tracked };
  },
  servers: async () => asks,
  connections: () => [],
  close: () => {
    closed++;
  },
} satisfies RedisTopology;

const refused = vi.fn();
function commandsWith(replicas = 0): RedisCommands {
  refused.mockClear();
  return new RedisCommands(topology, { commandTimeoutMs: 1001, replicas, onScriptsRefused: refused });
}
const write = {
  script: { source: 'return 1', digest: 'abc' },
  words: ['text', 5000],
  plain: (key: string) => [
    ['set', key],
    ['get', key],
  ],
};
const sent = (): unknown[] => requests.map(({ commands }) => commands);
const refuse = (message: string) => (): never => {
  throw replyError(message);
};

describe('a read', () => {
  test('is sent to the connection of its key, may be repeated, and is bounded in time', async () => {
    const from = performance.now();
    await commandsWith().read('a', connection, [['get', 'a']]);
    expect(requests).toEqual([
      { key: 'a', connection, commands: [['get', 'a']], endsAt: expect.any(Number), repeat: 'repeatable' },
    ]);
    const endsAt = requests[0]?.endsAt ?? 0;
    expect(endsAt).toBeGreaterThanOrEqual(from + 1001);
    expect(endsAt).toBeLessThanOrEqual(performance.now() + 1001);
  });

  test('resolves with the answers, and whether the server tracks the key', async () => {
    answer = () => ['text', 5000];
    tracked = false;
    expect(await commandsWith().read('a', connection, [['get', 'a']])).toEqual({
      answers: ['text', 5000],
      tracked: false,
    });
  });

  test('waits for no replica', async () => {
    await commandsWith(2).read('a', connection, [['get', 'a']]);
    expect(sent()).toEqual([[['get', 'a']]]);
  });

  test('turns a refusal of Redis into ERR_LIMPET_STORE, with its answer', async () => {
    answer = refuse('OOM command not allowed');
    await expect(commandsWith().read('a', connection, [['get', 'a']])).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'Redis refused: OOM command not allowed',
      facts: { answer: 'OOM command not allowed' },
      cause: replyError('OOM command not allowed'),
    });
  });

  test('passes on the error of a store that is away', async () => {
    const away = storeAway('no answer');
    answer = () => {
      throw away;
    };
    await expect(commandsWith().read('a', connection, [['get', 'a']])).rejects.toBe(away);
  });
});

describe('a removal', () => {
  test('is sent to the owner of the key, and may be repeated', async () => {
    await commandsWith().remove('a');
    expect(requests).toMatchObject([
      { key: 'a', connection: owner, commands: [['del', 'a']], repeat: 'repeatable' },
    ]);
  });

  test('waits for the replicas', async () => {
    answer = () => [1, 2];
    await commandsWith(2).remove('a');
    expect(sent()).toEqual([
      [
        ['del', 'a'],
        ['wait', 2, 501],
      ],
    ]);
  });
});

describe('a write', () => {
  test('runs its script by digest, and resolves with its one answer', async () => {
    answer = () => [1];
    expect(await commandsWith().write('a', connection, write, 'once')).toEqual({
      answers: [1],
      tracked: true,
    });
    expect(requests).toMatchObject([
      { connection, commands: [['evalsha', 'abc', 1, 'a', 'text', 5000]], repeat: 'once' },
    ]);
  });

  test('sends the source of a script that Redis does not know', async () => {
    answer = ([[name] = ['']]) => (name === 'evalsha' ? refuse('NOSCRIPT No matching script')() : [1]);
    const commands = commandsWith();
    expect(await commands.write('a', connection, write, 'repeatable')).toEqual({
      answers: [1],
      tracked: true,
    });
    expect(sent()[1]).toEqual([['eval', 'return 1', 1, 'a', 'text', 5000]]);
    expect(requests[1]?.repeat).toBe('repeatable');
    expect(commands.scriptsReason).toBeUndefined();
  });

  test('passes on other errors', async () => {
    answer = refuse('OOM command not allowed');
    await expect(commandsWith().write('a', connection, write, 'once')).rejects.toMatchObject({
      facts: { answer: 'OOM command not allowed' },
    });
    const away = storeAway('NOSCRIPT is no answer of a store that is away');
    answer = () => {
      throw away;
    };
    await expect(commandsWith().write('a', connection, write, 'once')).rejects.toBe(away);
    expect(requests).toHaveLength(2);
  });

  test.each([
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "ERR unknown command 'evalsha'",
    'ERR scripts are not allowed here',
    'ERR This script is disabled',
  ])('is sent as plain commands, now and later, after the answer %j', async (message) => {
    answer = ([[name] = ['']]) => (name === 'evalsha' ? refuse(message)() : ['OK', 'text']);
    const commands = commandsWith();
    expect((await commands.write('a', connection, write, 'once')).answers).toEqual(['OK', 'text']);
    await commands.write('b', connection, write, 'once');
    expect(sent()).toEqual([
      [['evalsha', 'abc', 1, 'a', 'text', 5000]],
      [
        ['set', 'a'],
        ['get', 'a'],
      ],
      [
        ['set', 'b'],
        ['get', 'b'],
      ],
    ]);
    expect(commands.scriptsReason).toBe(`Redis refused: ${message}`);
    expect(refused).toHaveBeenCalledExactlyOnceWith(`Redis refused: ${message}`);
  });

  test('waits for the replicas, for half of its time', async () => {
    answer = () => [1, 2];
    expect((await commandsWith(2).write('a', connection, write, 'once')).answers).toEqual([1]);
    expect(sent()).toEqual([
      [
        ['evalsha', 'abc', 1, 'a', 'text', 5000],
        ['wait', 2, 501],
      ],
    ]);
  });

  test.each([0, 1, null])('is refused when %s of 2 replicas have it', async (confirmed) => {
    answer = () => [1, confirmed];
    await expect(commandsWith(2).write('a', connection, write, 'once')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('Fewer than 2 replicas'),
      facts: { replicas: 2 },
    });
  });
});

describe('the keys', () => {
  const all = async (prefix: string): Promise<string[][]> => {
    const batches: string[][] = [];
    for await (const batch of commandsWith().keys(prefix)) batches.push(batch);
    return batches;
  };

  test('come in batches, from every server, until its cursor is 0', async () => {
    const asked: unknown[] = [];
    const server =
      (name: string): Ask =>
      async (commands) => {
        asked.push(commands);
        const cursor = (commands[0] as Words)[1];
        return cursor === '0' ? [['7', [`${name}1`, `${name}2`]]] : [['0', [`${name}3`]]];
      };
    asks = [server('a'), server('b')];
    expect(await all('sess:')).toEqual([['a1', 'a2'], ['a3'], ['b1', 'b2'], ['b3']]);
    expect(asked.slice(0, 2)).toEqual([
      [['scan', '0', 'match', 'sess:*', 'count', 500]],
      [['scan', '7', 'match', 'sess:*', 'count', 500]],
    ]);
  });

  test('skip an empty batch', async () => {
    asks = [async ([words]) => [(words as Words)[1] === '0' ? ['7', []] : ['0', ['a']]]];
    expect(await all('sess:')).toEqual([['a']]);
  });

  test('have a prefix whose special characters match themselves', async () => {
    const patterns: unknown[] = [];
    asks = [
      async ([words]) => {
        patterns.push((words as Words)[3]);
        return [['0', []]];
      },
    ];
    await all('a*b?[c]\\d');
    expect(patterns).toEqual(['a\\*b\\?\\[c\\]\\\\d*']);
  });

  test('turn a refusal of Redis into ERR_LIMPET_STORE', async () => {
    asks = [refuse('NOPERM no scan')];
    await expect(all('sess:')).rejects.toMatchObject({ facts: { answer: 'NOPERM no scan' } });
  });
});

describe('close', () => {
  test('closes the topology, and later calls reject', async () => {
    const commands = commandsWith();
    expect(commands.closed).toBe(false);
    commands.close();
    expect([commands.closed, closed]).toEqual([true, 1]);
    const code = 'ERR_LIMPET_CLOSED';
    await expect(commands.read('a', connection, [['get', 'a']])).rejects.toMatchObject({ code });
    await expect(commands.write('a', connection, write, 'once')).rejects.toMatchObject({ code });
    await expect(commands.remove('a')).rejects.toMatchObject({ code });
    await expect(commands.keys('sess:').next()).rejects.toMatchObject({ code });
    expect(requests).toEqual([]);
  });
});
