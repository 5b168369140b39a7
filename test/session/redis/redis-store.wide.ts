import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis6';
import { type RedisClient, RedisStore } from 'limpet/session';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { needs } from '../../needs.ts';
import { startCluster, startRedis } from '../../services/redis.ts';
import { storeCases } from '../store-cases.js';

needs('redis-server');

type Client = RedisClient & { disconnect(): void };

const single = async () => {
  const server = await startRedis();
  return { stop: server.stop, port: server.port, nodes: [] };
};
const cluster = async () => {
  const { stop, nodes } = await startCluster();
  return { stop, port: 0, nodes };
};

describe.each([
  {
    name: 'ioredis 5',
    start: single,
    connect: (port: number): Client => new Redis5(port, { keyPrefix: 'app:' }),
  },
  {
    name: 'ioredis 6',
    start: single,
    connect: (port: number): Client => new Redis6(port, { keyPrefix: 'app:' }),
  },
  {
    name: 'a Cluster, ioredis 5',
    start: cluster,
    connect: (_: number, nodes: object[]): Client => new Cluster5(nodes),
  },
  {
    name: 'a Cluster, ioredis 6',
    start: cluster,
    connect: (_: number, nodes: object[]): Client => new Cluster6(nodes),
  },
])('RedisStore on $name', ({ start, connect }) => {
  let server: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());

  test.each(storeCases)('$name', async ({ name, run }) => {
    const client = connect(server.port, server.nodes);
    const stores: RedisStore[] = [];
    try {
      await run(() => {
        const store = new RedisStore({ client, prefix: `${name}:`, commandTimeoutMs: 3000 });
        stores.push(store);
        return store;
      });
    } finally {
      await Promise.all(stores.map((store) => store.close()));
      client.disconnect();
    }
  });
});
