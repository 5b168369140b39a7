import { afterEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../../processes/app.js';
import { addresses, ask } from '../../processes/clients.js';
import { runs } from '../../processes/descriptors.js';

interface Served {
  name: string;
  slot: number;
  pid: number;
  args: string[];
  messages: unknown[];
  env: Record<string, string | undefined>;
}

let app: App;
afterEach(() => app.stop());

async function start(options: object = {}) {
  app = startApp('apps/routers/router.cjs', {
    env: { LIMPET_TEST_OPTIONS: JSON.stringify({ respawnGraceMs: 30_000, ...options }) },
  });
  const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
  await Promise.all([0, 1].map((slot) => app.hears('ready', (told) => told.slot === slot)));
  return bound.map(({ port }) => port);
}
const served = async (port: number, from: string) => JSON.parse((await ask(port, from)).body) as Served;

describe('a router of createRouter()', () => {
  it('serves several ports from the same slots, and a client by the same worker on each', async () => {
    const ports = await start();
    expect(ports.length).toBe(2);
    for (const from of addresses(40)) {
      const [one, two] = await Promise.all(ports.map((port) => served(port, from)));
      expect([one?.name, two?.name]).toEqual(['one', 'two']);
      expect(two?.pid).toBe(one?.pid);
    }
  });

  it('gives the workers their slot and arguments, and does not touch the messages of the app', async () => {
    const [port] = (await start()) as [number];
    const one = await served(port, '127.0.0.1');
    expect(one.args).toEqual(['an argument']);
    expect(one.env).toEqual({ LIMPET_SLOT: String(one.slot) });
    expect(one.messages).toEqual([{ echo: { hello: String(one.slot) } }]);
    const heard = app.told.filter(({ event }) => event === 'message').map(({ message }) => message);
    expect(heard).toHaveLength(2);
    expect(heard).toEqual(expect.arrayContaining([{ hello: '0' }, { hello: '1' }]));
  });

  it('has a status with slots, processes, shares, and restarts with their reasons', async () => {
    const [port] = (await start()) as [number];
    const victim = await served(port, '127.0.0.1');
    process.kill(victim.pid, 'SIGKILL');
    await app.hears('ready', (told) => told.slot === victim.slot, 2);
    await served(port, '127.0.0.1');
    app.say('status');
    const { result } = (await app.hears('status')) as unknown as { result: Record<string, never> };
    expect(result).toMatchObject({
      state: 'serving',
      affinity: 'address',
      ring: { buckets: 1024, slots: 2 },
    });
    const slots = result.slots as unknown as Record<string, unknown>[];
    expect(slots.map(({ share }) => share)).toEqual([0.5, 0.5]);
    const slot = slots[victim.slot];
    expect(slot).toMatchObject({ state: 'ready', down: false, restarts: 1 });
    expect(slot?.lastRestarts).toMatchObject([{ pid: victim.pid, reason: 'killed by SIGKILL' }]);
    expect(slot?.pid).not.toBe(victim.pid);
  });

  it('explains which slot serves an address', async () => {
    const [port] = (await start()) as [number];
    const from = '127.3.2.1';
    app.say(`explain ${JSON.stringify(from)}`);
    const { result } = (await app.hears('explain')) as unknown as {
      result: { owner: number; reason: string };
    };
    expect(result.owner).toBe((await served(port, from)).slot);
    expect(result.reason).toBe('home');
  });

  it('has the same ring for the same secret', async () => {
    const secret = 'a secret that outlives the router';
    const from = addresses(20);
    const seen: number[][] = [];
    for (let i = 0; i < 2; i++) {
      const [port] = (await start({ secret })) as [number];
      seen.push(await Promise.all(from.map(async (each) => (await served(port, each)).slot)));
      if (i === 0) await app.stop();
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  it('ends every worker when it closes', async () => {
    const [port] = (await start()) as [number];
    const { pid } = await served(port, '127.0.0.1');
    app.say('close');
    const { result } = await app.hears('close');
    expect(result).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
    await expect(ask(port, '127.0.0.1')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('leaves workers that finish what they have and exit if it is killed', async () => {
    const [port] = (await start({ drainTimeoutMs: 1000 })) as [number];
    const pids = app.told.filter(({ event }) => event === 'ready').map(({ pid }) => pid as number);
    await served(port, '127.0.0.1');
    app.kill('SIGKILL');
    await app.ended;
    await expect.poll(() => pids.filter(runs), { timeout: 5000 }).toEqual([]);
  });
});
