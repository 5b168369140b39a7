import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { storeAway } from '../../../src/session/core/store-errors.ts';
import { ClusterTopology } from '../../../src/session/redis/cluster-topology.ts';
import type { ServerConnection } from '../../../src/session/redis/server-connection.ts';
import type { Answers, Request } from '../../../src/session/redis/topology.ts';
import { settle, useFakeClock } from '../fake-clock.ts';
import { FakeCluster, FakeIoredis, replyError, type Words } from './fake-ioredis.ts';

class FakeClient extends FakeIoredis {
  override readonly isCluster = true;
  readonly cluster = new FakeCluster();
  duplicated: object[] = [];

  override duplicate(...options: object[]): FakeIoredis {
    this.duplicated = options;
    return this.cluster;
  }
}

let client: FakeClient;
let topology: ClusterTopology;
/** The master of all hash slots, and one without any. */
let owner: FakeIoredis;
let other: FakeIoredis;
beforeEach(async () => {
  useFakeClock();
  client = new FakeClient();
  owner = new FakeIoredis({ host: '127.0.0.1', port: 7001 });
  other = new FakeIoredis({ host: '127.0.0.1', port: 7002 });
  const ranges = [[0, 16_383, ['127.0.0.1', 7001, 'owner']]];
  owner.answer = ([, word]) => (word === 'myid' ? 'owner' : ranges);
  other.answer = () => 'other';
  client.cluster.masters = [owner, other];
  topology = new ClusterTopology(client, {
    track: false,
    staleMs: 40,
    probeKey: () => undefined,
    commandTimeoutMs: 1000,
    onInvalidation: () => undefined,
    onPeriod: () => undefined,
    onState: () => undefined,
  });
});
afterEach(() => {
  topology.close();
  vi.useRealTimers();
});

/** The store's own connection to the owner. */
const own = (): FakeIoredis => owner.duplicates[0]?.connection as FakeIoredis;
async function learn(): Promise<void> {
  client.cluster.connect();
  await vi.advanceTimersByTimeAsync(0);
  await settle();
  own().connect();
  other.sent.length = 0;
}
const run = (
  repeat: 'once' | 'repeatable' = 'once',
  commands: Request['commands'] = [['get', 'a']],
): Promise<Answers> =>
  topology.exec({
    key: 'a',
    connection: topology.connectionFor('a'),
    commands,
    endsAt: performance.now() + 1000,
    repeat,
  });
const refuse = (message: string) => (): never => {
  throw replyError(message);
};

describe('a Cluster of the store', () => {
  test('is a duplicate of the client, which reads from masters and queues while it is offline', () => {
    expect(topology.kind).toBe('cluster');
    const [nodes, options] = client.duplicated;
    expect(nodes).toEqual([]);
    expect(options).toMatchObject({
      keyPrefix: '',
      scaleReads: 'master',
      enableOfflineQueue: true,
      clusterRetryStrategy: expect.any(Function),
    });
    const { redisOptions } = options as { redisOptions: object };
    expect(redisOptions).toMatchObject({ protocol: 2, autoResendUnfulfilledCommands: false });
    expect(redisOptions).not.toHaveProperty('retryStrategy');
    expect(redisOptions).not.toHaveProperty('sentinelRetryStrategy');
    expect(redisOptions).not.toHaveProperty('enableOfflineQueue');
  });

  test('ignores the errors of ioredis, which would end the process', () => {
    expect(() => client.cluster.emit('error', new Error('ClusterAllFailedError'))).not.toThrow();
  });

  test('closes with its connections', async () => {
    await learn();
    topology.close();
    expect(client.cluster.disconnects).toEqual([undefined]);
    expect(own().disconnects).toEqual([undefined]);
  });
});

describe('a command', () => {
  test('goes over the connection to the owner, which tracks the key', async () => {
    await learn();
    own().answer = () => 'row';
    expect([...topology.connections()]).toEqual([topology.connectionFor('a')]);
    expect(await run()).toEqual({ answers: ['row'], tracked: true });
    expect(client.cluster.sent).toEqual([]);
  });

  test('goes over ioredis while the owner is not known, and is not tracked', async () => {
    client.cluster.answer = () => 'row';
    expect(await run()).toEqual({ answers: ['row'], tracked: false });
    expect(client.cluster.sent).toEqual([['get', 'a']]);
  });

  test('goes over ioredis while the owner is down, without a wait', async () => {
    await learn();
    own().drop();
    client.cluster.answer = () => 'row';
    expect(await run()).toEqual({ answers: ['row'], tracked: false });
    expect(own().sent).toEqual([]);
  });

  test('that was never sent goes over ioredis, although it may run only once', async () => {
    await learn();
    const connection = topology.connectionFor('a') as ServerConnection;
    vi.spyOn(connection, 'exec').mockRejectedValue(storeAway('Redis is away', { sent: false }));
    client.cluster.answer = () => 'row';
    expect(await run('once')).toEqual({ answers: ['row'], tracked: false });
  });

  test('that may run only once is rejected when the connection broke after it was sent', async () => {
    await learn();
    own().answer = () => {
      throw new Error('Connection is closed.');
    };
    await expect(run('once')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'The connection to Redis broke before the answer',
    });
    expect(client.cluster.sent).toEqual([]);
  });

  test('that is repeatable goes over ioredis when the owner does not answer', async () => {
    await learn();
    own().answer = () => new Promise(() => undefined);
    client.cluster.answer = () => 'row';
    const connection = topology.connectionFor('a');
    const result = topology.exec({
      key: 'a',
      connection,
      commands: [['get', 'a']],
      endsAt: performance.now() + 100,
      repeat: 'repeatable',
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toEqual({ answers: ['row'], tracked: false });
  });

  test('that Redis refuses is rejected with its error', async () => {
    await learn();
    own().answer = refuse('OOM command not allowed');
    await expect(run()).rejects.toMatchObject({ name: 'ReplyError', message: 'OOM command not allowed' });
    expect(client.cluster.sent).toEqual([]);
  });
});

describe('a redirection', () => {
  test('MOVED is followed to the node that it names, and the owners are learned again', async () => {
    await learn();
    own().answer = refuse('MOVED 15495 127.0.0.1:7002');
    other.answer = () => 'row';
    expect(await run()).toEqual({ answers: ['row'], tracked: false });
    expect(other.sent).toEqual([['get', 'a']]);
    owner.sent.length = 0;
    await vi.advanceTimersByTimeAsync(200);
    await settle();
    expect(owner.log).toContain('cluster myid');
  });

  test('ASK is followed with ASKING, whose answer is left out', async () => {
    await learn();
    own().answer = refuse('ASK 15495 127.0.0.1:7002');
    other.answer = ([name]: Words) => (name === 'asking' ? 'OK' : 'row');
    expect(
      await run('once', [
        ['get', 'a'],
        ['pttl', 'a'],
      ]),
    ).toEqual({ answers: ['row', 'row'], tracked: false });
    expect(other.log).toEqual(['asking', 'get a', 'pttl a']);
  });

  test('to a node that ioredis does not know is left to ioredis', async () => {
    await learn();
    own().answer = refuse('MOVED 15495 127.0.0.1:7009');
    client.cluster.answer = () => 'row';
    expect(await run()).toEqual({ answers: ['row'], tracked: false });
    expect(other.sent).toEqual([]);
  });

  test.each(['CLUSTERDOWN The cluster is down', 'TRYAGAIN Multiple keys request'])(
    'without a node is left to ioredis: %s',
    async (message) => {
      await learn();
      own().answer = refuse(message);
      client.cluster.answer = () => 'row';
      expect(await run()).toEqual({ answers: ['row'], tracked: false });
    },
  );

  test('whose node refuses the command is rejected with the error of that node', async () => {
    await learn();
    own().answer = refuse('MOVED 15495 127.0.0.1:7002');
    other.answer = refuse('OOM command not allowed');
    await expect(run()).rejects.toMatchObject({ name: 'ReplyError', message: 'OOM command not allowed' });
  });

  test('that is the text of a value is no redirection', async () => {
    await learn();
    own().answer = refuse('ERR wrong value MOVED 1 127.0.0.1:7002');
    await expect(run()).rejects.toMatchObject({ name: 'ReplyError' });
    expect(other.sent).toEqual([]);
  });
});

describe('ioredis’s Cluster', () => {
  test.each(['CLUSTERDOWN', 'TRYAGAIN', 'MASTERDOWN', 'LOADING', 'READONLY', 'MOVED 1 a', 'ASK 1 a'])(
    'that answers %s is away',
    async (message) => {
      client.cluster.answer = refuse(message);
      await expect(run()).rejects.toMatchObject({
        code: 'ERR_LIMPET_STORE',
        message: `The Redis Cluster did not answer: ${message}`,
        facts: { away: true },
      });
    },
  );

  test('that refuses is not away', async () => {
    client.cluster.answer = refuse('OOM LOADING is not at the beginning');
    await expect(run()).rejects.toMatchObject({ name: 'ReplyError' });
  });

  test('that does not answer in time is away', async () => {
    client.cluster.answer = () => new Promise(() => undefined);
    const result = expect(run()).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: 'The Redis Cluster did not answer: in time',
      facts: { away: true },
    });
    await vi.advanceTimersByTimeAsync(1000);
    await result;
  });
});

describe('the servers', () => {
  test('are the masters, when the Cluster has answered', async () => {
    client.cluster.answer = () => 'PONG';
    const asks = await topology.servers();
    expect(client.cluster.sent).toEqual([['ping']]);
    expect(asks).toHaveLength(2);
    expect(await asks[1]?.([['scan', '0']])).toEqual(['other']);
  });

  test('are not known when the Cluster does not answer within commandTimeoutMs', async () => {
    client.cluster.answer = () => new Promise(() => undefined);
    const rejected = vi.fn();
    topology.servers().catch(rejected);
    await vi.advanceTimersByTimeAsync(999);
    expect(rejected).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await settle();
    expect(rejected).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ code: 'ERR_LIMPET_STORE', facts: { away: true } }),
    );
  });
});
