import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RawClient } from '../../integration/raw.ts';
import { handoffs, type Told } from '../../integration/served.ts';
import { type App, startApp } from '../../processes/app.ts';
import { type Answer, addresses, ask, inParallel } from '../../processes/clients.ts';
import { childrenOf, descriptorsOf } from '../../processes/descriptors.ts';
import { uwsEnvironment } from '../../uws/index.ts';

let app: App;
afterEach(() => app.stop());

async function start(handoff: string, options: object = {}, env: Record<string, string> = {}) {
  const given = JSON.stringify({ workers: 3, handoff, respawnGraceMs: 30_000, ...options });
  app = startApp('apps/servers/uws.js', { env: { ...uwsEnvironment(), LIMPET_TEST_OPTIONS: given, ...env } });
  return (await app.hears('listening')).port as number;
}

const told = (answer: Answer): Told => JSON.parse(answer.body);
const who = async (port: number, from: string) => told(await ask(port, from));

/** Sends a request on the agent's connection, if the server has kept it alive. */
function askAgain(port: number, from: string, agent: Agent): Promise<Told> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', localAddress: from, agent }, async (response) => {
      resolve(JSON.parse(String(Buffer.concat(await response.toArray()))));
    });
    asked.on('error', reject).end();
  });
}

describe.each(handoffs)('workers with uWebSockets.js by %s', (handoff) => {
  test('a new process takes the slot of a killed one, and no other client moves', async () => {
    const port = await start(handoff);
    const clients = addresses(24);
    const before = await inParallel(clients, 4, (from) => who(port, from));
    const killed = before[0] as Told;
    process.kill(killed.pid, 'SIGKILL');
    const after = await inParallel(clients, 4, (from) => who(port, from));
    after.forEach(({ slot, pid }, i) => {
      expect(slot, clients[i]).toBe(before[i]?.slot);
      if (slot === killed.slot) expect(pid).not.toBe(killed.pid);
      else expect(pid).toBe(before[i]?.pid);
    });
  });

  test('a reload replaces every process, and clients on kept-alive connections lose no request', async () => {
    const port = await start(handoff);
    const clients = addresses(12);
    const agents = clients.map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
    const all = () => Promise.all(clients.map((from, i) => askAgain(port, from, agents[i] as Agent)));
    const before = await all();
    const old = new Set(before.map(({ pid }) => pid));
    app.kill('SIGHUP');
    for (let now = before, rounds = 0; now.some(({ pid }) => old.has(pid)); rounds++) {
      expect(rounds).toBeLessThan(20_000);
      now = await all();
      expect(now.map(({ slot }) => slot)).toEqual(before.map(({ slot }) => slot));
    }
    for (const agent of agents) agent.destroy();
  });

  test('a router that closes finishes the responses in flight, and exits with code 0', async () => {
    const port = await start(handoff);
    const slow = new RawClient(port, '127.0.5.1');
    slow.write('GET /slow/800 HTTP/1.1\r\nHost: x\r\n\r\n');
    const stream = ask(port, '127.0.5.2', { path: '/stream/800' });
    await Promise.all([app.hears('slow'), app.hears('streaming')]);
    app.kill('SIGTERM');
    const [answer, { body }] = await Promise.all([slow.untilEnd(), stream]);
    expect(answer).toMatch(/Connection: close[\s\S]*"slot"/);
    expect(body).toBe('begun finished');
    expect(await app.ended).toEqual({ code: 0, signal: null });
    expect(app.told.some(({ event }) => event === 'aborted')).toBe(false);
  });

  test('app.close() in a worker drains it, and a new process takes the slot', async () => {
    const port = await start(handoff);
    const slow = ask(port, '127.0.5.3', { path: '/slow/800' });
    const { pid, slot } = (await app.hears('slow')) as unknown as Told;
    expect(told(await ask(port, '127.0.5.3', { path: '/close' })).pid).toBe(pid);
    await app.hears('drain', (drain) => drain.pid === pid);
    const next = await who(port, '127.0.5.3');
    expect([next.slot, next.pid === pid]).toEqual([slot, false]);
    expect(told(await slow).pid).toBe(pid);
  });

  test('a WebSocket gets code 1012 from an app that closes it with that code as it drains', async () => {
    const port = await start(handoff, {}, { END_SOCKETS: '1' });
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(socket, 'message');
    app.kill('SIGTERM');
    expect((await once(socket, 'close'))[0]).toBe(1012);
    expect(await app.ended).toEqual({ code: 0, signal: null });
  });

  test('a connection that is still open at the deadline is closed', async () => {
    const port = await start(handoff, { drainTimeoutMs: 300 });
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(socket, 'message');
    app.kill('SIGTERM');
    expect((await once(socket, 'close'))[0]).toBe(1006);
    expect(await app.ended).toEqual({ code: 0, signal: null });
  });

  test('neither the worker nor the primary leaks a descriptor', async () => {
    const port = await start(handoff, { workers: 1 });
    await who(port, '127.0.5.4');
    const [worker] = childrenOf(app.pid) as [number];
    const count = () => [descriptorsOf(app.pid), descriptorsOf(worker)];
    const before = count();
    await inParallel(addresses(400), 16, (from) => who(port, from));
    await expect.poll(() => count().map((now, i) => now <= (before[i] as number))).toEqual([true, true]);
  });
});
