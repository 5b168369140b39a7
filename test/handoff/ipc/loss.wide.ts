import { afterEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../../processes/app.js';
import { addresses, ask, inParallel } from '../../processes/clients.js';
import { descriptorsOf } from '../../processes/descriptors.js';

/** 100 clients of one slot wait for a worker that does not answer. */
describe.runIf(process.platform === 'linux')('ipc: a worker that stops taking', () => {
  let app: App;
  afterEach(() => app.stop());

  async function start(options: object) {
    app = startApp('apps/servers/http.js', {
      env: {
        LIMPET_TEST_OPTIONS: JSON.stringify({
          workers: 2,
          handoff: 'ipc',
          respawnGraceMs: 30_000,
          ...options,
        }),
      },
    });
    const { port } = (await app.hears('listening')) as unknown as { port: number };
    const victim = (await app.hears('ready', (told) => told.slot === 1)) as unknown as { pid: number };
    await app.hears('ready', (told) => told.slot === 0);
    const answers = await inParallel(addresses(400), 16, async (from) => ({
      from,
      slot: JSON.parse((await ask(port, from)).body).slot,
    }));
    const own = answers.filter(({ slot }) => slot === 1).map(({ from }) => from);
    expect(own.length).toBeGreaterThanOrEqual(101);
    return { port, victim, own };
  }

  const asked = async (port: number, from: string) =>
    JSON.parse((await ask(port, from)).body) as { slot: number; pid: number };

  it('while a worker is blocked its fallback serves 100 clients, the blocked request is answered later, and no descriptor leaks', async () => {
    const { port, victim, own } = await start({ stallTimeoutMs: 1500 });
    await expect.poll(() => descriptorsOf(app.pid)).toBeLessThan(60);
    const before = descriptorsOf(app.pid);
    const blocked = ask(port, own[100] as string, { path: '/block?ms=8000' });
    await app.hears('blocking');
    const answers = await Promise.all(own.slice(0, 100).map((from) => asked(port, from)));
    for (const { slot } of answers) expect(slot).toBe(0);
    expect((await blocked).status).toBe(200);
    await expect
      .poll(async () => (await asked(port, own[0] as string)).pid, { timeout: 5000 })
      .toBe(victim.pid);
    await expect.poll(() => descriptorsOf(app.pid), { timeout: 5000 }).toBeLessThanOrEqual(before);
  });

  it('the replacement of a killed worker serves every connection that it had not taken, and no descriptor leaks', async () => {
    const { port, victim, own } = await start({ stallTimeoutMs: 30_000 });
    const before = descriptorsOf(app.pid);
    process.kill(victim.pid, 'SIGSTOP');
    const answers = Promise.all(own.slice(0, 100).map((from) => asked(port, from)));
    // Some connections are in the primary by now, others arrive later. The kill may come at any time.
    process.kill(victim.pid, 'SIGKILL');
    for (const { slot, pid } of await answers) {
      expect(slot).toBe(1);
      expect(pid).not.toBe(victim.pid);
    }
    await expect.poll(() => descriptorsOf(app.pid), { timeout: 5000 }).toBeLessThanOrEqual(before);
  });

  it('after respawnGraceMs the fallback serves, and the slot gets its clients back', async () => {
    const { port, victim, own } = await start({ respawnGraceMs: 0 });
    process.kill(victim.pid, 'SIGKILL');
    const during = await Promise.all(own.slice(0, 20).map((from) => asked(port, from)));
    for (const { pid } of during) expect(pid).not.toBe(victim.pid);
    await app.hears('ready', (told) => told.slot === 1, 2);
    const after = await Promise.all(own.slice(0, 20).map((from) => asked(port, from)));
    for (const { slot } of after) expect(slot).toBe(1);
  });

  it('clients that give up while they wait leave no descriptor behind', async () => {
    const { port, victim, own } = await start({ stallTimeoutMs: 60_000 });
    const before = descriptorsOf(app.pid);
    process.kill(victim.pid, 'SIGSTOP');
    const gaveUp = await Promise.all(
      own.slice(0, 50).map((from) =>
        ask(port, from, { timeoutMs: 300 }).then(
          () => 'served',
          () => 'gave up',
        ),
      ),
    );
    expect(new Set(gaveUp)).toEqual(new Set(['gave up']));
    process.kill(victim.pid, 'SIGCONT');
    expect((await asked(port, own[60] as string)).pid).toBe(victim.pid);
    await expect.poll(() => descriptorsOf(app.pid), { timeout: 5000 }).toBeLessThanOrEqual(before);
  });
});
