import { fileURLToPath } from 'node:url';
import { describe, it, type TestContext } from 'vitest';
import type { SlotStatus } from '../../../src/cluster/primary/status.ts';
import { type App, startApp, type Told } from '../../processes/app.ts';
import { addresses, ask, inParallel } from '../../processes/clients.ts';

const exec = fileURLToPath(new URL('../../fixtures/apps/routers/troubled-worker.js', import.meta.url));

async function start(
  context: TestContext,
  options: object,
  trouble: object = {},
): Promise<{ app: App; port: number }> {
  const app = startApp('apps/routers/router.cjs', {
    env: {
      LIMPET_TEST_OPTIONS: JSON.stringify({ exec, ...options }),
      LIMPET_TEST_TROUBLE: JSON.stringify(trouble),
    },
  });
  context.onTestFinished(async () => void (await app.stop()));
  const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
  return { app, port: bound[0]?.port as number };
}

/** Which process answers a client of this address. */
const served = async (port: number, from: string) =>
  JSON.parse((await ask(port, from)).body) as { slot: number; pid: number };
const inSlot = (slot: number) => (told: Told) => told.slot === slot;
const eventsOf = (app: App, event: string, slot: number) =>
  app.told.filter((told) => told.event === event && told.slot === slot);

describe.concurrent('slots in trouble', () => {
  it('a worker that dies, one that is never ready and one that closes its server do not stop the other slots', async (context) => {
    const { expect } = context;
    const trouble = { 1: 'dies', 2: 'hangs', 3: 'closes' };
    const { app, port } = await start(
      context,
      { workers: 4, readyTimeoutMs: 8000, respawnGraceMs: 50 },
      trouble,
    );
    const hung = app.hears('gone', inSlot(2));
    const answers = await inParallel(addresses(60), 8, (from) => served(port, from));
    expect(new Set(answers.map(({ slot }) => slot)).has(0)).toBe(true);
    // The clients did not wait for the slot whose process hangs.
    expect(eventsOf(app, 'gone', 2)).toEqual([]);
    // A crash loop is eight short lives in a row.
    for (const slot of [1, 3])
      await app.hears('error', ({ message }) => String(message).startsWith(`slot ${slot}:`));
    for (const told of app.told.filter(({ event }) => event === 'error')) {
      expect(told).toMatchObject({ code: 'ERR_LIMPET_WORKER_START' });
      expect(told.message).toMatch(
        /keep ending within a minute .*(exited with code 4|its server was closed)/,
      );
    }
    expect(app.told.filter(({ event }) => event === 'error')).toHaveLength(2);
    expect(eventsOf(app, 'gone', 1).length).toBeLessThanOrEqual(9);
    expect(eventsOf(app, 'draining', 3).length).toBeLessThanOrEqual(9);

    expect(await hung).toMatchObject({ reason: 'not ready within 8000 ms' });

    app.say('status');
    const { slots } = (await app.hears('status')).result as { slots: SlotStatus[] };
    expect(slots.map(({ restarts }) => restarts > 0)).toEqual([false, true, true, true]);
    expect(slots[1]?.lastRestarts[0]).toMatchObject({ reason: 'exited with code 4', cause: 'exit' });
    expect(slots[2]?.lastRestarts[0]).toMatchObject({
      reason: 'not ready within 8000 ms',
      cause: 'not ready',
    });
    expect(slots[3]?.lastRestarts[0]).toMatchObject({ reason: 'its server was closed', cause: 'left' });
    expect(slots[0]).toMatchObject({ state: 'ready', down: false });
    for (const { slot } of await inParallel(addresses(20), 8, (from) => served(port, from)))
      expect([0, 3]).toContain(slot);
  });

  it('the clients of a stalled worker go to fallbacks, and it is killed after stallKillMs. Each step is an event', async (context) => {
    const { expect } = context;
    const { app, port } = await start(context, {
      workers: 2,
      handoff: 'ipc',
      stallTimeoutMs: 400,
      stallKillMs: 1500,
    });
    await app.hears('ready', inSlot(1));
    const clients = await inParallel(addresses(20), 8, async (from) => ({
      from,
      ...(await served(port, from)),
    }));
    const { from, pid } = clients.find(({ slot }) => slot === 1) as { from: string; pid: number };
    process.kill(pid, 'SIGSTOP');
    expect(await app.hears('stalled', inSlot(1))).toMatchObject({ pid, reason: true });
    expect((await served(port, from)).slot).toBe(0);
    expect(await app.hears('limpet:diverted')).toMatchObject({ slot: 1, to: 0 });
    expect(await app.hears('gone', inSlot(1))).toMatchObject({
      pid,
      reason: expect.stringMatching(/^stalled for \d+ ms$/),
    });
    await app.hears('ready', inSlot(1), 2);
    const next = await served(port, from);
    expect([next.slot, next.pid === pid]).toEqual([1, false]);
    const states = app.told
      .filter(({ event, slot }) => event === 'limpet:slot' && slot === 1)
      .map((told) => [told.state, told.pid === pid]);
    expect(states).toEqual([
      ['ready', true],
      ['gone', true],
      ['ready', false],
    ]);
    app.say('status');
    const { slots, uptimeMs } = (await app.hears('status')).result as {
      slots: SlotStatus[];
      uptimeMs: number;
    };
    expect(slots[1]).toMatchObject({ pid: next.pid, state: 'ready', restarts: 1, down: false });
    expect(slots[1]?.lastRestarts).toMatchObject([{ pid, cause: 'stalled' }]);
    expect(slots[1]?.uptimeMs).toBeLessThan(slots[0]?.uptimeMs as number);
    expect(slots[0]?.uptimeMs).toBeLessThanOrEqual(uptimeMs);
    const shares = slots.map(({ realShare }) => realShare);
    const accepted = slots.map(({ accepted }) => accepted);
    const all = (accepted[0] as number) + (accepted[1] as number);
    expect(all).toBe(clients.length + 2);
    expect(shares).toEqual(accepted.map((count) => count / all));
  });
});
