import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handoffs } from '../../integration/served.js';
import { type App, startApp } from '../../processes/app.js';
import { addresses, ask, inParallel } from '../../processes/clients.js';

interface Served {
  slot: number;
  pid: number;
}

let app: App;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-reload-'));
});
afterEach(async () => {
  await app.stop();
  rmSync(folder, { recursive: true });
});

async function start(options: object = {}) {
  const given = { drainTimeoutMs: 3000, respawnGraceMs: 30_000, ...options };
  app = startApp('apps/routers/router.cjs', {
    env: {
      LIMPET_TEST_OPTIONS: JSON.stringify(given),
      LIMPET_TEST_BROKEN: join(folder, 'broken'),
      LIMPET_TEST_HOLD: join(folder, 'hold'),
      LIMPET_TEST_BLOCK: join(folder, 'block'),
    },
  });
  const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
  const workers = (options as { workers?: number }).workers ?? 2;
  for (let slot = 0; slot < workers; slot++) await app.hears('ready', (told) => told.slot === slot);
  return (bound[0] as { port: number }).port;
}

const served = async (port: number, from: string) => JSON.parse((await ask(port, from)).body) as Served;
const all = (port: number, clients: string[]) => inParallel(clients, 8, (from) => served(port, from));

/** Sends requests without a pause until the returned function is called. That returns every answer, or throws the first error. */
function keepAsking(port: number, clients: readonly string[]) {
  const answers: { from: string; slot: number; pid: number }[] = [];
  let on = true;
  const visitors = [0, 1, 2, 3].map(async (first) => {
    for (let i = first; on; i += 4) {
      const from = clients[i % clients.length] as string;
      answers.push({ from, ...(await served(port, from)) });
    }
  });
  return async () => {
    on = false;
    await Promise.all(visitors);
    return answers;
  };
}

describe('reload()', () => {
  it('replaces every process under load, refuses no connection and moves no client', async () => {
    const port = await start({ workers: 3 });
    const clients = addresses(90);
    const before = await all(port, clients);
    const stop = keepAsking(port, clients);
    app.say('reload');
    await app.hears('reload');
    const during = await stop();
    const after = await all(port, clients);
    const home = new Map(clients.map((from, i) => [from, before[i]?.slot]));
    for (const { from, slot } of during) expect(slot).toBe(home.get(from));
    after.forEach(({ slot, pid }, i) => {
      expect(slot).toBe(before[i]?.slot);
      expect(pid).not.toBe(before[i]?.pid);
    });
  });

  it('lets old processes finish requests in flight', async () => {
    const port = await start();
    const slow = addresses(10).map((from) => ask(port, from, { path: '/slow?ms=800' }));
    await served(port, '127.0.0.1');
    app.say('reload {"parallel":2}');
    await app.hears('reload');
    for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
  });

  it('rejects if a new version does not start, and the old processes serve on', async () => {
    const port = await start();
    const before = await all(port, addresses(20));
    writeFileSync(join(folder, 'broken'), '');
    app.say('reload');
    const { error } = (await app.hears('reload')) as unknown as { error: { code: string; message: string } };
    expect(error.code).toBe('ERR_LIMPET_WORKER_START');
    expect(error.message).toMatch(/exited with code 4.*old one serves on/);
    expect((await all(port, addresses(20))).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    rmSync(join(folder, 'broken'));
    app.say('reload');
    expect(await app.hears('reload', undefined, 2)).not.toHaveProperty('error');
    for (const { pid } of await all(port, addresses(20)))
      expect(before.map((each) => each.pid)).not.toContain(pid);
  });

  it('waits for the reload before it', async () => {
    await start();
    app.say('reload');
    app.say('reload');
    await app.hears('reload', undefined, 2);
    const born = app.told.filter(({ event }) => event === 'ready');
    expect(born).toHaveLength(6);
    expect(new Set(born.map(({ pid }) => pid)).size).toBe(6);
  });

  it.each(handoffs)(
    'by %s sends no connection to a new process that has opened one of two servers',
    async (handoff) => {
      const port = await start({ workers: 1, handoff });
      const where = JSON.stringify({ port: 0, host: '127.0.0.1', ipv6Only: false, backlog: 511 });
      for (const nth of [1, 2]) {
        app.say(`listen ${where}`);
        await app.hears('listen', undefined, nth);
      }
      const [old] = await all(port, ['127.0.0.1']);
      writeFileSync(join(folder, 'hold'), '');
      app.say('reload');
      await app.hears('holding');
      for (const { pid } of await all(port, addresses(100))) expect(pid).toBe(old?.pid);
      rmSync(join(folder, 'hold'));
      await app.hears('reload');
      for (const { pid } of await all(port, addresses(20))) expect(pid).not.toBe(old?.pid);
    },
  );

  it.each(handoffs)(
    'by %s rejects if a new process dies while it waits for the old one, which serves on',
    async (handoff) => {
      const port = await start({ workers: 1, handoff });
      const [old] = await all(port, ['127.0.0.1']);
      // The blocked old process cannot confirm that it has stopped, so the new process is ready and waits for it.
      writeFileSync(join(folder, 'block'), '');
      const blocked = ask(port, '127.0.0.1', { path: '/?block' });
      await app.hears('blocking');
      app.say('reload');
      const replacement = await app.hears('open', ({ pid }) => pid !== old?.pid, 2);
      process.kill(replacement.pid as number, 'SIGKILL');
      expect((await app.hears('reload')).error).toMatchObject({ code: 'ERR_LIMPET_WORKER_START' });
      rmSync(join(folder, 'block'));
      expect((await blocked).status).toBe(200);
      for (const { pid } of await all(port, addresses(40))) expect(pid).toBe(old?.pid);
    },
  );

  it('is what SIGHUP calls', async () => {
    await start();
    app.kill('SIGHUP');
    await app.hears('ready', (told) => told.slot === 1, 2);
  });
});

describe('scale()', () => {
  it('up and down moves only the clients that the ring must move, and refuses no connection', async () => {
    const port = await start({ workers: 3, secret: 'sixteen bytes at least' });
    const clients = addresses(400);
    const three = await all(port, clients);
    const stop = keepAsking(port, clients);
    app.say('scale 4');
    await app.hears('scale');
    await stop();
    const four = await all(port, clients);
    four.forEach(({ slot, pid }, i) => {
      if (slot !== 3) expect(pid).toBe(three[i]?.pid);
    });
    const moved = four.filter(({ slot }) => slot === 3).length;
    expect(moved).toBeGreaterThan(60);
    expect(moved).toBeLessThan(140);
    const stopAgain = keepAsking(port, clients);
    app.say('scale 3');
    await app.hears('scale', undefined, 2);
    await stopAgain();
    expect((await all(port, clients)).map(({ pid }) => pid)).toEqual(three.map(({ pid }) => pid));
    await app.hears('gone', (told) => told.slot === 3);
  });

  it('down and up again does not take the process that drains from the slot for one that failed to start', async () => {
    const port = await start({ workers: 2 });
    const where = JSON.stringify({ port: 0, host: '127.0.0.1', ipv6Only: false, backlog: 511 });
    for (const nth of [1, 2]) {
      app.say(`listen ${where}`);
      await app.hears('listen', undefined, nth);
    }
    const clients = await all(port, addresses(20));
    const from = addresses(20)[clients.findIndex(({ slot }) => slot === 1)] as string;
    const slow = ask(port, from, { path: '/?ms=300' });
    await served(port, from);
    writeFileSync(join(folder, 'hold'), '');
    app.say('scale 1');
    app.say('scale 2');
    await app.hears('holding');
    expect((await slow).status).toBe(200);
    await app.hears('gone', (told) => told.slot === 1);
    rmSync(join(folder, 'hold'));
    expect(await app.hears('scale', undefined, 2)).not.toHaveProperty('error');
    expect((await served(port, from)).slot).toBe(1);
  });

  it('up rejects if the new worker does not start, and the number of slots is as before', async () => {
    const port = await start({ workers: 2 });
    writeFileSync(join(folder, 'broken'), '');
    app.say('scale 3');
    const { error } = (await app.hears('scale')) as unknown as { error: { code: string } };
    expect(error.code).toBe('ERR_LIMPET_WORKER_START');
    expect(new Set((await all(port, addresses(50))).map(({ slot }) => slot))).toEqual(new Set([0, 1]));
  });
});
