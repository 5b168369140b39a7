import { afterEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../processes/app.js';
import { addresses, ask, inParallel } from '../processes/clients.js';
import { runs } from '../processes/descriptors.js';

interface Served {
  slot: number;
  pid: number;
}

let app: App | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

/** On a busy machine a process may take seconds to start. With a long grace no client goes to a fallback meanwhile. */
const longGrace = { respawnGraceMs: 30_000 };

async function start(options: object, where?: object): Promise<{ app: App; port: number }> {
  app = startApp('apps/servers/http.js', {
    env: {
      LIMPET_TEST_OPTIONS: JSON.stringify({ ...longGrace, ...options }),
      ...(where ? { LIMPET_TEST_WHERE: JSON.stringify(where) } : {}),
    },
  });
  const { port } = await app.hears('listening');
  return { app, port: port as number };
}

async function served(port: number, from: string): Promise<Served> {
  return JSON.parse((await ask(port, from)).body) as Served;
}

/** The process that answers each client. */
async function servedAll(port: number, clients: readonly string[]): Promise<Map<string, Served>> {
  const answers = await inParallel(clients, 32, (from) => served(port, from));
  return new Map(clients.map((from, i) => [from, answers[i] as Served]));
}

describe('listen()', () => {
  it('serves each of 4,096 clients from one worker, and spreads the clients evenly', async () => {
    const { port } = await start({ workers: 2 });
    const clients = addresses(4096);
    const first = await servedAll(port, clients);
    const second = await servedAll(port, clients);
    const moved = clients.filter((from) => first.get(from)?.pid !== second.get(from)?.pid);
    expect(moved).toEqual([]);
    const shares = [0, 1].map((slot) => [...first.values()].filter((served) => served.slot === slot).length);
    expect(Math.min(...shares)).toBeGreaterThan(1700);
  });

  it('puts a new process into the slot of a killed one, and moves no other client', async () => {
    const { app, port } = await start({ workers: 3 });
    await Promise.all([0, 1, 2].map((slot) => app.hears('ready', (told) => told.slot === slot)));
    const clients = addresses(300);
    const before = await servedAll(port, clients);
    const victim = [...before.values()].find(({ slot }) => slot === 1) as Served;
    process.kill(victim.pid, 'SIGKILL');
    // The slot is empty now. Its clients wait for the new process, and none is refused.
    const after = await servedAll(port, clients);
    for (const from of clients) {
      const [was, is] = [before.get(from) as Served, after.get(from) as Served];
      expect(is.slot).toBe(was.slot);
      if (was.slot === 1) expect(is.pid).not.toBe(victim.pid);
      else expect(is.pid).toBe(was.pid);
    }
  });

  it('gives the clients of a stalled worker to fallbacks, and gives them back when it runs again', async () => {
    const { app, port } = await start({ workers: 2, stallTimeoutMs: 400, handoff: 'ipc' });
    await Promise.all([0, 1].map((slot) => app.hears('ready', (told) => told.slot === slot)));
    const clients = addresses(60);
    const before = await servedAll(port, clients);
    const victim = [...before.values()].find(({ slot }) => slot === 1) as Served;
    const own = clients.filter((from) => before.get(from)?.slot === 1);
    process.kill(victim.pid, 'SIGSTOP');
    const during = await servedAll(port, own);
    for (const from of own) expect(during.get(from)?.slot).toBe(0);
    process.kill(victim.pid, 'SIGCONT');
    await expect
      .poll(async () => (await served(port, own[0] as string)).pid, { timeout: 5000 })
      .toBe(victim.pid);
  });

  it('replaces a worker whose app closes its server, and lets it finish its requests', async () => {
    const { app, port } = await start({ workers: 2 });
    await Promise.all([0, 1].map((slot) => app.hears('ready', (told) => told.slot === slot)));
    const from = '127.0.0.9';
    const was = await served(port, from);
    const slow = ask(port, from, { path: '/slow?ms=300' });
    const closing = await ask(port, from, { path: '/close' });
    expect(closing.status).toBe(200);
    const drained = await app.hears('drain', (told) => told.pid === was.pid);
    expect(drained.reason).toBe('its server was closed');
    expect(JSON.parse((await slow).body)).toEqual({ slot: was.slot, pid: was.pid });
    const is = await served(port, from);
    expect(is.slot).toBe(was.slot);
    expect(is.pid).not.toBe(was.pid);
    // The drain time is 30 s. The process does not wait for it.
    await expect.poll(() => runs(was.pid), { timeout: 10_000 }).toBe(false);
  });

  it('replaces a worker that exits by itself', async () => {
    const { port } = await start({ workers: 1 });
    await expect(ask(port, '127.0.0.1', { path: '/exit' })).rejects.toThrow();
    expect((await served(port, '127.0.0.1')).slot).toBe(0);
  });

  it('closes on SIGTERM with code 0 and leaves no process running', async () => {
    const { app: running, port } = await start({ workers: 2 });
    const slow = ask(port, '127.0.0.1', { path: '/slow?ms=200' });
    await served(port, '127.0.0.2');
    const pids = running.told.filter(({ event }) => event === 'serving').map(({ pid }) => pid as number);
    const ended = await running.stop();
    expect(ended).toEqual({ code: 0, signal: null });
    expect((await slow).status).toBe(200);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  });
});
