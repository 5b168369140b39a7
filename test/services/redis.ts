import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis5';
import { freePort, type Service, startService } from './service.ts';

export interface RedisOptions {
  readonly port?: number;
  /** Lines of redis.conf, for example 'maxmemory 2mb'. */
  readonly config?: readonly string[];
  /** Writes files into the directory before the start. */
  readonly prepare?: (directory: string) => void;
}

/** Starts one redis-server on 127.0.0.1. By default it persists nothing. */
export function startRedis({ port, config = [], prepare }: RedisOptions = {}): Promise<Service> {
  return startService({
    command: 'redis-server',
    ...(port === undefined ? {} : { port }),
    args: (at, directory) => {
      prepare?.(directory);
      const lines = config.some((line) => line.startsWith('port ')) ? config : [`port ${at}`, ...config];
      const common = [
        'bind 127.0.0.1',
        `dir ${directory}`,
        'save ""',
        'appendonly no',
        'daemonize no',
        'hz 50',
      ];
      writeFileSync(join(directory, 'redis.conf'), [...common, ...lines].join('\n'));
      return [join(directory, 'redis.conf')];
    },
  });
}

/** Starts one redis-server that accepts TLS only, with a self-signed certificate. `ca` is the certificate that a client must trust. */
export async function startRedisTls(): Promise<Service & { readonly ca: string }> {
  const port = await freePort();
  const service = await startRedis({
    port,
    config: [
      'port 0',
      `tls-port ${port}`,
      'tls-cert-file cert.pem',
      'tls-key-file key.pem',
      'tls-ca-cert-file cert.pem',
      'tls-auth-clients no',
    ],
    prepare: (directory) => {
      const args =
        'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost';
      const files = [
        '-addext',
        'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout',
        'key.pem',
        '-out',
        'cert.pem',
      ];
      execFileSync('openssl', [...args.split(' '), ...files], { cwd: directory, stdio: 'ignore' });
    },
  });
  return { ...service, ca: readFileSync(join(service.directory, 'cert.pem'), 'utf8') };
}

export interface SentinelGroup {
  readonly name: string;
  readonly sentinels: { host: string; port: number }[];
  readonly servers: Service[];
  /** Resolves with the server that the sentinels name as the master. */
  readonly master: () => Promise<Service>;
  readonly stop: () => Promise<void>;
}

/** Starts a master, its replica and three sentinels. The sentinels start a failover about a second after the master is lost. */
export async function startSentinel(): Promise<SentinelGroup> {
  const name = 'sessions';
  const master = await startRedis({ config: ['repl-diskless-sync-delay 0'] });
  const replica = await startRedis({
    config: [`replicaof 127.0.0.1 ${master.port}`, 'repl-diskless-sync-delay 0'],
  });
  const servers = [master, replica];
  await until(replica.port, async (redis) =>
    (await redis.info('replication')).includes('master_link_status:up'),
  );
  const sentinels = await Promise.all(
    [0, 1, 2].map(() =>
      startService({
        command: 'redis-server',
        args: (port, directory) => {
          const lines = [
            `port ${port}`,
            'bind 127.0.0.1',
            `dir ${directory}`,
            `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
            `sentinel down-after-milliseconds ${name} 700`,
            `sentinel failover-timeout ${name} 3000`,
          ];
          writeFileSync(join(directory, 'sentinel.conf'), lines.join('\n'));
          return [join(directory, 'sentinel.conf'), '--sentinel'];
        },
      }),
    ),
  );
  for (const { port } of sentinels) {
    await until(port, async (redis) => {
      const facts = (await redis.call('SENTINEL', 'MASTER', name)) as string[];
      const fact = (key: string): string | undefined => facts[facts.indexOf(key) + 1];
      return fact('num-other-sentinels') === '2' && fact('num-slaves') === '1';
    });
  }
  return {
    name,
    sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    master: async () => {
      const [, port] = (await ask(sentinels[0]?.port ?? 0, (redis) =>
        redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
      )) as [string, string];
      const found = servers.find((server) => server.port === Number(port));
      if (!found)
        throw new Error(`the sentinels name port ${port} as the master; no server of the group has it`);
      return found;
    },
    stop: async () => {
      await Promise.all([...sentinels, ...servers].map((service) => service.stop()));
    },
  };
}

export interface RedisCluster {
  readonly nodes: { host: string; port: number }[];
  /** The three masters, then their replicas. */
  readonly servers: Service[];
  readonly stop: () => Promise<void>;
}

/** Starts three masters that share the hash slots, each with `replicas` replicas. */
export async function startCluster({ replicas = 0 } = {}): Promise<RedisCluster> {
  const config = ['cluster-enabled yes', 'cluster-node-timeout 1000', 'repl-diskless-sync-delay 0'];
  const servers = await Promise.all(
    Array.from({ length: 3 * (1 + replicas) }, async () => {
      // The cluster bus listens on the port plus 10,000.
      const port = await freePort(10_000);
      return startRedis({ port, config });
    }),
  );
  const [first] = servers as [Service];
  const ranges = [0, 5461, 10_923, 16_384];
  for (const [index, { port }] of servers.entries()) {
    await ask(port, async (redis) => {
      await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      if (index < 3) {
        await redis.call('CLUSTER', 'ADDSLOTSRANGE', ranges[index] ?? 0, (ranges[index + 1] ?? 0) - 1);
      }
      if (index > 0) await redis.call('CLUSTER', 'MEET', '127.0.0.1', first.port);
    });
  }
  const known = (text: string): boolean => text.includes(`cluster_known_nodes:${servers.length}`);
  for (const { port } of servers) {
    await until(port, async (redis) => known(String(await redis.call('CLUSTER', 'INFO'))));
  }
  for (const [index, { port }] of servers.slice(3).entries()) {
    const id = await ask(servers[index % 3]?.port ?? 0, (redis) => redis.call('CLUSTER', 'MYID'));
    await ask(port, (redis) => redis.call('CLUSTER', 'REPLICATE', String(id)));
    await until(port, async (redis) => (await redis.info('replication')).includes('master_link_status:up'));
  }
  for (const { port } of servers) {
    await until(port, async (redis) =>
      String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    );
  }
  return {
    nodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    stop: async () => {
      await Promise.all(servers.map((service) => service.stop()));
    },
  };
}

/** Asks one server over a new connection. */
export async function ask<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 3, protocol: 2 } as object);
  redis.on('error', () => undefined);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

async function until(port: number, holds: (redis: Redis) => Promise<boolean>): Promise<void> {
  await ask(port, async (redis) => {
    const endsAt = Date.now() + 15_000;
    while (!(await holds(redis))) {
      if (Date.now() > endsAt)
        throw new Error(`Redis on port ${port} did not reach the expected state within 15 s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}
