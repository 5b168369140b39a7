import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouterStatus } from '../../../../src/cluster/primary/status.js';
import { type App, startApp } from '../../../processes/app.js';
import { addresses, ask } from '../../../processes/clients.js';
import { command } from '../../../processes/control.js';
import { runs } from '../../../processes/descriptors.js';

interface Served {
  slot: number;
  pid: number;
  primary: number;
}

let folder: string;
let app: App;
/** The process id of the primary that serves now. */
let primary: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-upgrade-'));
});
afterEach(async () => {
  if (runs(primary)) process.kill(primary, 'SIGTERM');
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: object = {}): Promise<number> {
  app = startApp('apps/routers/upgraded.js', {
    env: {
      XDG_RUNTIME_DIR: folder,
      LIMPET_TEST_OPTIONS: JSON.stringify({ respawnGraceMs: 30_000, name: 'upgraded', ...options }),
      LIMPET_TEST_ALSO: JSON.stringify([{ path: join(folder, 'socket') }]),
      LIMPET_TEST_BROKEN: join(folder, 'broken'),
    },
  });
  const { addresses: bound } = await app.hears('serving');
  await Promise.all([0, 1].map((slot) => app.hears('ready', (told) => told.slot === slot)));
  primary = app.pid;
  return (bound as [{ port: number }])[0].port;
}

function askAt(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: path, agent: false }, (res) => {
      let body = '';
      res.on('data', (chunk) => {
        body += chunk;
      });
      res.on('end', () => resolve(body));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end();
  });
}

/** Sends requests on new connections, over both addresses, until stop() is called. */
function keepAsking(port: number): {
  readonly served: (Served & { from: string })[];
  stop(): Promise<string[]>;
} {
  const from = addresses(16);
  const served: (Served & { from: string })[] = [];
  const failed: string[] = [];
  let stopped = false;
  const ways = [
    (address: string) => ask(port, address).then(({ body }) => body),
    () => askAt(join(folder, 'socket')),
  ];
  const visitors = ways.flatMap((way, which) =>
    [0, 1, 2].map(async (lane) => {
      for (let i = lane; !stopped; i += 3) {
        const address = from[i % from.length] as string;
        await way(address).then(
          (body) => served.push({ ...(JSON.parse(body) as Served), from: which === 0 ? address : '' }),
          (error: Error) => failed.push(error.message),
        );
      }
    }),
  );
  const stop = async () => {
    stopped = true;
    await Promise.all(visitors);
    return failed;
  };
  return { served, stop };
}

describe.each([{}, { handoff: 'ipc' }])('a new primary takes over (%o)', (options) => {
  it('without a refused connection or a moved client, and the old primary ends', async () => {
    const port = await start(options);
    const asking = keepAsking(port);
    const old = primary;
    process.kill(old, 'SIGUSR2');
    primary = (await app.hears('upgraded')).successor as number;
    await app.hears('closed');
    await expect.poll(() => runs(old)).toBe(false);
    const before = asking.served.length;
    await expect.poll(() => asking.served.length, { timeout: 20_000 }).toBeGreaterThan(before + 50);
    expect(await asking.stop()).toEqual([]);
    expect(new Set(asking.served.map(({ primary: by }) => by))).toEqual(new Set([old, primary]));
    expect(new Set(asking.served.slice(before + 6).map(({ primary: by }) => by))).toEqual(new Set([primary]));
    const slots = new Map<string, Set<number>>();
    for (const { from, slot } of asking.served) slots.set(from, (slots.get(from) ?? new Set()).add(slot));
    slots.delete('');
    expect([...slots.values()].filter(({ size }) => size !== 1)).toEqual([]);
  });
});

describe.each(['auto', 'fd', 'ipc'])(
  'a worker of the old primary that hangs during the upgrade, by %s',
  (handoff) => {
    it('moves no client: the new primary serves its clients in the same slot', async () => {
      const port = await start({ handoff, stallTimeoutMs: 300, drainTimeoutMs: 1000 });
      const old = primary;
      const clients: string[] = [];
      for (const from of addresses(16)) {
        const { slot } = JSON.parse((await ask(port, from)).body) as Served;
        if (slot === 1) clients.push(from);
      }
      const { pid } = await app.hears('ready', ({ slot }) => slot === 1);
      process.kill(pid as number, 'SIGSTOP');
      process.kill(old, 'SIGUSR2');
      primary = (await app.hears('upgraded')).successor as number;
      const served: Served[] = [];
      let left = false;
      app
        .hears('closed', (told) => told.pid === old)
        .then(() => {
          left = true;
        });
      for (let i = 0; !left; i++) {
        const { body } = await ask(port, clients[i % clients.length] as string);
        served.push(JSON.parse(body) as Served);
      }
      // Even the first request came after the new primary had taken over.
      expect(new Set(served.map(({ slot, primary: by }) => `${slot} by ${by}`))).toEqual(
        new Set([`1 by ${primary}`]),
      );
    });
  },
);

describe('an upgraded router', () => {
  const say = (words: string, args?: Record<string, unknown>) => command(folder, 'upgraded', words, args);
  const upgrade = async () => {
    primary = ((await say('upgrade')) as { pid: number }).pid;
  };

  it('keeps the number of slots that scale() has set, through several upgrades', async () => {
    await start();
    await say('scale', { workers: 3 });
    await upgrade();
    await upgrade();
    const { pid, slots } = (await say('status')) as RouterStatus;
    expect(pid).toBe(primary);
    expect(slots.map(({ slot }) => slot)).toEqual([0, 1, 2]);
  });

  it('refuses a reload that waited for the upgrade, and names the new primary', async () => {
    await start();
    process.kill(primary, 'SIGALRM');
    const { error } = (await app.hears('reload')) as unknown as { error: { code: string; message: string } };
    primary = (await app.hears('upgraded')).successor as number;
    expect(error.code).toBe('ERR_LIMPET_CLOSED');
    expect(error.message).toBe(
      `process ${primary} has taken over from this router, which closes. Ask that process.`,
    );
  });
});

describe('a new primary that fails', () => {
  it('changes nothing, and the promise says why', async () => {
    const port = await start();
    const asking = keepAsking(port);
    writeFileSync(join(folder, 'broken'), '');
    process.kill(primary, 'SIGUSR1');
    const { error } = (await app.hears('upgrade')) as unknown as { error: { code: string; message: string } };
    expect(error.code).toBe('ERR_LIMPET_UPGRADE');
    expect(error.message).toMatch(/exited with code 4.*Nothing has changed/);
    const before = asking.served.length;
    await expect.poll(() => asking.served.length).toBeGreaterThan(before + 30);
    expect(await asking.stop()).toEqual([]);
    expect(new Set(asking.served.map(({ primary: by }) => by))).toEqual(new Set([primary]));
    expect(new Set(asking.served.map(({ pid }) => pid)).size).toBe(2);

    rmSync(join(folder, 'broken'));
    process.kill(primary, 'SIGUSR1');
    const { result } = (await app.hears('upgrade', () => true, 2)) as unknown as { result: { pid: number } };
    primary = result.pid;
    expect(JSON.parse((await ask(port, '127.0.0.1')).body)).toBeTruthy();
  });
});
