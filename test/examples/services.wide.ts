import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { addresses, ask } from '../processes/clients.ts';
import { type ProxyName, startProxy } from '../services/proxies.ts';
import { startRedis } from '../services/redis.ts';
import { freePort, freePorts } from '../services/service.ts';
import { startExample } from './example.ts';

const read = (path: string) => readFileSync(new URL(`../../examples/${path}`, import.meta.url), 'utf8');

/** Functions that stop what a test has started. They run in reverse order. */
const ends: (() => Promise<unknown>)[] = [];
const state = mkdtempSync(join(tmpdir(), 'limpet-example-'));
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => rmSync(state, { recursive: true, force: true }));

async function start(name: string, env: Record<string, string>): Promise<number> {
  const example = await startExample(name, env);
  // After SIGTERM, a router with a health path would still serve for five seconds.
  ends.push(example.end);
  return example.port;
}

/** Starts the proxy with the example's configuration and other ports. */
async function behind(name: ProxyName, ports: (text: string) => string): Promise<number> {
  const port = await freePort();
  const text = ports(read(`${name}/${name === 'nginx' ? 'nginx.conf' : 'haproxy.cfg'}`));
  const proxy = await startProxy(name, port, text.replace('127.0.0.1:8080', `127.0.0.1:${port}`));
  ends.push(proxy.stop);
  return port;
}

/**
 * Checks that each client stays on one worker, that the worker sees the client's address, and that several workers get clients. Tries
 * again until all workers have started and the proxy has noticed it.
 */
async function expectSticky(port: number): Promise<void> {
  const clients = addresses(8).map((from) => ({ from, cookie: '' }));
  const round = () =>
    Promise.all(
      clients.map(async (client) => {
        const { headers, body } = await ask(port, client.from, { headers: { cookie: client.cookie } });
        client.cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? client.cookie;
        const [, seen, worker] = /^(\S+): worker (\d) has answered/.exec(body) ?? [];
        return seen === client.from ? worker : body;
      }),
    );
  await expect
    .poll(
      async () => {
        const [before, after] = [await round(), await round()];
        expect(after).toEqual(before);
        expect(after.filter((worker) => !/^\d$/.test(worker ?? ''))).toEqual([]);
        return new Set(after).size;
      },
      { timeout: 30_000, interval: 200 },
    )
    .toBeGreaterThan(1);
}

if (needs('nginx')) {
  test('nginx: each client reaches the port of its worker', async () => {
    const direct = await freePorts(4);
    await start('nginx', { DIRECT_PORT: String(direct) });
    const ports = (text: string) => text.replace(/:400(\d) /g, (_, slot) => `:${direct + Number(slot)} `);
    await expectSticky(await behind('nginx', ports));
  });
}

if (needs('haproxy')) {
  test('haproxy: the shared port identifies each client by its PROXY header', async () => {
    const shared = await start('haproxy', {});
    await expectSticky(await behind('haproxy', (text) => text.replace(':3000 id', `:${shared} id`)));
  });
}

const places = needs('redis-server') ? ['on this machine', 'in Redis'] : ['on this machine'];

test.each(places)('redis-sessions: every worker can read a session %s', async (place) => {
  const env: Record<string, string> = { XDG_STATE_HOME: state };
  if (place === 'in Redis') {
    const redis = await startRedis();
    ends.push(redis.stop);
    env.REDIS_URL = `redis://127.0.0.1:${redis.port}`;
  }
  const port = await start('redis-sessions', env);
  const { headers } = await ask(port, '127.0.6.1');
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const processes = new Set<string | undefined>();
  let visits = 1;
  for (const from of addresses(8)) {
    const { body } = await ask(port, from, { headers: { cookie } });
    const [, visit, pid] = /Visit (\d+), served by process (\d+)/.exec(body) ?? [];
    visits += 1;
    expect(Number(visit)).toBe(visits);
    processes.add(pid);
  }
  expect(processes.size).toBeGreaterThan(1);
});
