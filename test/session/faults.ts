import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis5';
import { ask, type RedisCluster, type SentinelGroup } from '../services/redis.ts';
import type { Service } from '../services/service.ts';
import type { Run } from './checker.ts';

/** Lines of redis.conf with which every confirmed write survives SIGKILL. */
export const durable = ['appendonly yes', 'appendfsync always', 'aof-use-rdb-preamble no'];

type Fault = Run['fault'];

const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T;

/** Makes the fault once; later calls do nothing. */
export const once = (fault: Fault): Fault => {
  let made = false;
  return async (random, workers) => {
    if (made) return;
    made = true;
    await fault(random, workers);
  };
};

/** Makes one of `faults`, chosen at random. */
export const oneOf =
  (...faults: Fault[]): Fault =>
  (random, workers) =>
    pick(random, faults)(random, workers);

/** Asks one server, and ignores an error: the server may be down. */
const tryToAsk = (port: number, question: (redis: Redis) => Promise<unknown>): Promise<void> =>
  ask(port, question).then(
    () => undefined,
    () => undefined,
  );

/** A fault of a Cluster; in two of five cases, a hash slot moves. The checker's keys are `sess:<number>.<period>`. */
export const clusterFault = (cluster: RedisCluster, periods: number): Fault => {
  const servers = () => cluster.servers;
  const keys = () =>
    Array.from({ length: 6 * periods }, (_, n) => `sess:${Math.floor(n / periods)}.${n % periods}`);
  const move = moveSlots(cluster, keys);
  return oneOf(move, move, cut(servers), clusterFailover(cluster), holdWorker);
};

/** Cuts all connections of one type, or one connection. */
export const cut =
  (servers: () => Service[]): Fault =>
  async (random) => {
    const { port } = pick(random, servers());
    await tryToAsk(port, async (redis) => {
      const type = pick(random, ['normal', 'pubsub', 'one']);
      if (type !== 'one') return redis.call('CLIENT', 'KILL', 'TYPE', type);
      const ids = [...String(await redis.call('CLIENT', 'LIST')).matchAll(/^id=(\d+)/gm)].map(
        ([, id]) => id ?? '',
      );
      return redis.call('CLIENT', 'KILL', 'ID', pick(random, ids));
    });
  };

/** Stops a server with SIGSTOP for 0.3 to 1.3 times `forMs`. */
export const stop =
  (servers: () => Service[], forMs: number): Fault =>
  async (random) => {
    const server = pick(random, servers());
    server.signal('SIGSTOP');
    await pause(forMs * (0.3 + random()));
    server.signal('SIGCONT');
  };

/** Kills a server and starts it again within 100 ms. */
export const restart =
  (servers: () => Service[]): Fault =>
  async (random) => {
    const server = pick(random, servers());
    await server.kill();
    await pause(100 * random());
    await server.restart();
  };

/** Stops a worker for 60 to 260 ms. When it continues, it must not trust its near cache. */
export const holdWorker: Fault = async (random, workers) => {
  const worker = pick(random, workers);
  worker.kill('SIGSTOP');
  await pause(60 + 200 * random());
  worker.kill('SIGCONT');
};

/** Kills the master of a Sentinel group, waits for the new master, and starts the old one as its replica. */
export const sentinelFailover =
  (group: SentinelGroup): Fault =>
  async () => {
    const master = await group.master();
    await master.kill();
    // SENTINEL FAILOVER does not wait until the sentinels agree. That would take one to ten seconds.
    await tryToAsk(group.sentinels[0]?.port ?? 0, (redis) => redis.call('SENTINEL', 'FAILOVER', group.name));
    const endsAt = Date.now() + 15_000;
    while ((await group.master()) === master && Date.now() < endsAt) await pause(50);
    await master.restart();
    const { port } = await group.master();
    await tryToAsk(master.port, (redis) => redis.call('REPLICAOF', '127.0.0.1', port));
    while (Date.now() < endsAt) {
      const roles = await ask(port, (redis) => redis.info('replication'));
      if (/slave0:.*state=online/.test(roles)) return;
      await pause(50);
    }
  };

/** Makes a replica of the Cluster a master; its old master becomes a replica. */
const clusterFailover =
  (cluster: RedisCluster): Fault =>
  async (random) => {
    const replicas: Service[] = [];
    for (const server of cluster.servers) {
      if ((await ask(server.port, (redis) => redis.info('replication'))).includes('role:slave'))
        replicas.push(server);
    }
    await tryToAsk(pick(random, replicas).port, (redis) => redis.call('CLUSTER', 'FAILOVER'));
    await pause(500);
  };

/** Moves the hash slot of one session's key to another master, with its rows, one by one. */
const moveSlots =
  (cluster: RedisCluster, keys: () => string[]): Fault =>
  async (random) => {
    const masters = new Map<string, Service>();
    for (const server of cluster.servers) {
      await tryToAsk(server.port, async (redis) => {
        if ((await redis.info('replication')).includes('role:master'))
          masters.set(String(await redis.call('CLUSTER', 'MYID')), server);
      });
    }
    const [first] = masters.values();
    if (!first) return;
    const slot = Number(
      await ask(first.port, (redis) => redis.call('CLUSTER', 'KEYSLOT', pick(random, keys()))),
    );
    const ranges = (await ask(first.port, (redis) => redis.call('CLUSTER', 'SLOTS'))) as [
      number,
      number,
      [string, number, string],
    ][];
    const from = ranges.find(([low, high]) => slot >= low && slot <= high)?.[2][2] ?? '';
    const to = pick(
      random,
      [...masters.keys()].filter((id) => id !== from),
    );
    const [source, target] = [masters.get(from), masters.get(to)];
    if (!source || !target) return;
    await tryToAsk(target.port, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from));
    await tryToAsk(source.port, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to));
    await pause(100 * random());
    await tryToAsk(source.port, async (redis) => {
      for (;;) {
        const found = (await redis.call('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as string[];
        if (found.length === 0) return;
        for (const key of found) {
          await redis.call('MIGRATE', '127.0.0.1', target.port, key, 0, 1000);
          await pause(20 * random());
        }
      }
    });
    for (const { port } of [target, source, ...masters.values()]) {
      await tryToAsk(port, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', to));
    }
  };
