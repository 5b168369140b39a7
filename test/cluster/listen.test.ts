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

/** On a busy machine a process may take seconds to start: these tests are about the slot, not about the grace. */
const patient = { respawnGraceMs: 30_000 };

async function start(options: object, where?: object): Promise<{ app: App; port: number }> {
  app = startApp('apps/servers/http.js', {
    env: {
      LIMPET_TEST_OPTIONS: JSON.stringify({ ...patient, ...options }),
      ...(where ? { LIMPET_TEST_WHERE: JSON.stringify(where) } : {}),
    },
  });
  const { port } = await app.hears('listening');
  return { app, port: port as number };
}

async function served(port: number, from: string): Promise<Served> {
  return JSON.parse((await ask(port, from)).body) as Served;
}

async function whole(port: number, clients: readonly string[]): Promise<Map<string, Served>> {
  const answers = await inParallel(clients, 32, (from) => served(port, from));
  return new Map(clients.map((from, i) => [from, answers[i] as Served]));
}

describe('listen()', () => {
  it('keeps each of 4,096 clients on one worker, and spreads them', async () => {
    const { port } = await start({ workers: 2 });
    const clients = addresses(4096);
    const first = await whole(port, clients);
    const second = await whole(port, clients);
    const moved = clients.filter((from) => first.get(from)?.pid !== second.get(from)?.pid);
    expect(moved).toEqual([]);
    const shares = [0, 1].map((slot) => [...first.values()].filter((each) => each.slot === slot).length);
    expect(Math.min(...shares)).toBeGreaterThan(1700);
  });

  it('puts a new process into the slot of a killed one, and moves nobody else', async () => {
    const { app, port } = await start({ workers: 3 });
    await Promise.all([0, 1, 2].map((slot) => app.hears('ready', (told) => told.slot === slot)));
    const clients = addresses(300);
    const before = await whole(port, clients);
    const victim = [...before.values()].find(({ slot }) => slot === 1) as Served;
    process.kill(victim.pid, 'SIGKILL');
    // Asked while the slot is empty: the clients wait for the replacement, nobody is refused.
    const after = await whole(port, clients);
    for (const from of clients) {
      const [was, is] = [before.get(from) as Served, after.get(from) as Served];
      expect(is.slot).toBe(was.slot);
      if (was.slot === 1) expect(is.pid).not.toBe(victim.pid);
      else expect(is.pid).toBe(was.pid);
    }
  });

  it('gives the clients of a stalled worker to fallbacks, none twice, and gives them back', async () => {
    const { app, port } = await start({ workers: 2, stallTimeoutMs: 400, handoff: 'ipc' });
    await Promise.all([0, 1].map((slot) => app.hears('ready', (told) => told.slot === slot)));
    const clients = addresses(60);
    const before = await whole(port, clients);
    const victim = [...before.values()].find(({ slot }) => slot === 1) as Served;
    const own = clients.filter((from) => before.get(from)?.slot === 1);
    process.kill(victim.pid, 'SIGSTOP');
    const during = await whole(port, own);
    for (const from of own) expect(during.get(from)?.slot).toBe(0);
    process.kill(victim.pid, 'SIGCONT');
    await expect
      .poll(async () => (await served(port, own[0] as string)).pid, { timeout: 5000 })
      .toBe(victim.pid);
  });

  it('puts a new process into the slot whose server the app closes, and lets the old one finish', async () => {
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
    // Long before its drain time is over.
    await expect.poll(() => runs(was.pid), { timeout: 10_000 }).toBe(false);
  });

  it('brings a worker back that exits by itself', async () => {
    const { port } = await start({ workers: 1 });
    await expect(ask(port, '127.0.0.1', { path: '/exit' })).rejects.toThrow();
    expect((await served(port, '127.0.0.1')).slot).toBe(0);
  });

  it('closes on SIGTERM with code 0 and leaves nothing running', async () => {
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
