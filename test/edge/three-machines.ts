import { setTimeout as wait } from 'node:timers/promises';
import { type EdgeSettings, haproxy, nginx } from '../../src/edge/index.ts';
import { childrenOf } from '../processes/descriptors.ts';
import { type ProxyName, type RunningProxy, startProxy } from '../services/proxies.ts';
import { startRedis } from '../services/redis.ts';
import { freePort, freePorts } from '../services/service.ts';
import { type Client, Fleet } from './fleet.ts';
import { type Machine, secret, startMachine, workers } from './machines.ts';

export interface Trial {
  readonly clients: number;
  /** The time between two requests of a client. */
  readonly thinkMs: number;
  /** How long a machine that leaves still serves. Each act is observed for at least as long. */
  readonly noticeMs: number;
  /** The time between two health checks. A server is down after three failed checks. */
  readonly checkMs: number;
  /** The names of the acts to play. Default: all. */
  readonly only?: readonly string[];
}

/** The results of one act. */
export interface Act {
  readonly name: string;
  readonly requests: number;
  readonly failures: readonly string[];
  /** Unnecessary failures: of a client that was not on the affected machine, or that had already failed once. */
  readonly undeserved: number;
  /** Answers from a worker that served the client neither before nor after the act. */
  readonly astray: number;
  /** Clients that are on another worker after the act. */
  readonly moved: number;
  /** Clients that moved although they did not have to. */
  readonly needless: number;
  /** How many clients had to move. If a machine was added: the number that is its share. */
  readonly optimum: number;
  readonly socketsMoved: number;
}

const generators = { nginx, haproxy };
/** No client moves when a machine is added, because every client has a cookie. */
const noShare = Number.MIN_VALUE;

/** Plays reloads, kills, drains and additions of machines behind a proxy. All sessions must survive. */
export async function playActs(
  name: ProxyName,
  trial: Trial,
): Promise<{ acts: Act[]; sessionsLost: number }> {
  const { noticeMs, checkMs, only } = trial;
  const redis = await startRedis();
  const ports = { port: await freePort(), directPort: await freePorts(workers) };
  const machines = new Map<number, Machine>();
  const start = async (number: number) => {
    const env = { REDIS_PORT: String(redis.port) };
    machines.set(
      number,
      await startMachine(number, ports, { noticeMs, affinity: 'cookie' }, env, 'apps/clients/machine.js'),
    );
  };
  await Promise.all([1, 2, 3].map(start));
  const front = await freePort();
  const configurationOf = (...numbers: number[]) => {
    const settings: EdgeSettings = {
      nodes: numbers.map((number) => ({ host: `127.0.2.${number}`, name: `m${number}` })),
      workers,
      directPort: ports.directPort,
      affinity: 'cookie',
      healthPath: '/health',
      secret,
      listen: `127.0.0.1:${front}`,
    };
    return generators[name](settings)
      .replace('inter 1s', `inter ${checkMs}ms`)
      .replace('slowstart 10s', 'slowstart 1s');
  };
  const proxy: RunningProxy = await startProxy(name, front, configurationOf(1, 2, 3));
  const fleet = new Fleet(trial.clients, front, trial.thinkMs);
  const acts: Act[] = [];
  let places = await settled(fleet);

  /**
   * Does `work` under load, and compares where the clients are before and after. `must` says whether a client of a worker has to move,
   * `hit` whether its requests may fail.
   */
  const act = async (
    what: string,
    work: () => Promise<void>,
    must: (place: string) => boolean = () => false,
    share = 0,
    hit: (place: string) => boolean = () => false,
  ) => {
    if (only && !only.includes(what)) return;
    const before = places;
    const answered = fleet.answers.length;
    fleet.failures.length = 0;
    fleet.start();
    await work();
    await fleet.stop();
    places = await settled(fleet);
    const moved = fleet.clients.filter((client) => before.get(client) !== places.get(client));
    const had = fleet.clients.filter((client) => must(before.get(client) as string));
    const astray = fleet.answers
      .slice(answered)
      .filter(({ client, place }) => place !== before.get(client) && place !== places.get(client));
    acts.push({
      name: what,
      requests: fleet.answers.length - answered + fleet.failures.length,
      failures: fleet.failures.map(({ what }) => what),
      undeserved: fleet.failures.filter(
        ({ client }, i, all) =>
          !hit(before.get(client) as string) || all.findIndex((each) => each.client === client) < i,
      ).length,
      astray: astray.length,
      moved: moved.length,
      needless:
        share > 0
          ? moved.filter((client) => !must(places.get(client) as string)).length
          : moved.filter((client) => !had.includes(client)).length,
      optimum: share > 0 ? Math.round(share * fleet.clients.length) : had.length,
      socketsMoved: await socketsMoved(fleet.clients, places),
    });
  };

  try {
    await act('nothing', () => wait(noticeMs));
    await act('spoofed addresses and cookies', async () => {
      fleet.clients.forEach((client, i) => {
        if (i % 4 === 0)
          client.spoof = { 'x-forwarded-for': '203.0.113.9, 10.0.0.1', forwarded: 'for=203.0.113.9' };
        // A second cookie of the same name, as a client would forge it to choose its worker.
        if (i % 4 === 1) client.spoof = { cookie: `m${1 + (i % 3)}-0` };
      });
      await wait(noticeMs);
      // A client that forges a cookie keeps no other. From here on, these clients keep the cookies that they get.
      for (const client of fleet.clients) if (client.spoof.cookie) client.spoof = {};
    });
    await act('a machine reloads', async () => {
      const { app } = machines.get(1) as Machine;
      app.kill('SIGHUP');
      await app.hears('ready', undefined, 2 * workers);
      await wait(noticeMs);
    });
    await act(
      'a worker is killed',
      async () => {
        const { app } = machines.get(1) as Machine;
        const ready = app.told.filter(({ event }) => event === 'ready');
        await wait(noticeMs / 4);
        process.kill(ready.at(-1)?.pid as number, 'SIGKILL');
        await app.hears('ready', undefined, ready.length + 1);
        // nginx does not use a failed server for 5 s.
        await wait(name === 'nginx' ? 5500 : noticeMs);
      },
      undefined,
      0,
      (place) => place.startsWith('m1-'),
    );
    await act(
      'a machine drains',
      async () => {
        const { app } = machines.get(2) as Machine;
        machines.delete(2);
        app.kill('SIGTERM');
        await app.ended;
        await wait(checkMs * 3);
      },
      (place) => place.startsWith('m2-'),
    );
    await act(
      'a machine comes',
      async () => {
        await start(4);
        await proxy.reconfigure(configurationOf(...machines.keys()));
        await wait(noticeMs);
      },
      (place) => place.startsWith('m4-'),
      name === 'haproxy' ? noShare : 1 / (machines.size + 1),
    );
    await act(
      'a machine dies',
      async () => {
        const { app } = machines.get(3) as Machine;
        const all = [...childrenOf(app.pid), app.pid];
        for (const pid of all) process.kill(pid, 'SIGKILL');
        await wait(Math.max(noticeMs, checkMs * 6));
      },
      (place) => place.startsWith('m3-'),
      0,
      (place) => place.startsWith('m3-'),
    );
    return { acts, sessionsLost: sessionsLost(fleet) };
  } finally {
    fleet.close();
    await proxy.stop();
    await Promise.all([...machines.values()].map(({ app }) => app.stop()));
    await redis.stop();
  }
}

/** The worker of each client, as soon as two requests in a row agree. */
async function settled(fleet: Fleet): Promise<Map<Client, string>> {
  for (let rounds = 0; rounds < 20; rounds++) {
    const one = await fleet.census();
    const two = await fleet.census();
    if (fleet.clients.every((client) => one.has(client) && one.get(client) === two.get(client))) return two;
  }
  throw new Error('clients still move after 20 rounds, expected two rounds to agree');
}

/** Opens a WebSocket from every tenth client. Counts those that another worker serves than the client's requests. */
async function socketsMoved(clients: readonly Client[], places: Map<Client, string>): Promise<number> {
  let moved = 0;
  for (const client of clients.filter((_, i) => i % 10 === 0)) {
    if ((await client.open()) !== places.get(client)) moved += 1;
    client.socket?.terminate();
  }
  return moved;
}

/** Each session counts its requests. A count that decreases shows a lost session. */
function sessionsLost(fleet: Fleet): number {
  const last = new Map<Client, number>();
  let lost = 0;
  for (const { client, requests } of fleet.answers) {
    if (requests <= (last.get(client) ?? 0)) lost += 1;
    last.set(client, requests);
  }
  return lost;
}
