import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../processes/app.js';
import { addresses, ask, inParallel } from '../processes/clients.js';

const nobody = 65_534;
const here = fileURLToPath(import.meta.url);

/** Whether an ordinary user can read this checkout. */
function readable(): boolean {
  const script = 'require("node:fs").accessSync(process.argv[1])';
  return spawnSync(process.execPath, ['-e', script, here], { uid: nobody, gid: nobody }).status === 0;
}

/** The handoffs must need no privileges. Services seldom run as root, but CI usually does, and would not notice. */
describe.runIf(process.platform === 'linux')('as an ordinary user', () => {
  let app: App | undefined;
  afterEach(async () => {
    if (app) expect(await app.stop(), app.output).toEqual({ code: 0, signal: null });
    app = undefined;
  });

  it.for(['kernel', 'fd'])('%s sends every client to its home', async (handoff, { skip }) => {
    skip(process.getuid?.() === 0 && !readable(), 'an ordinary user cannot read this checkout');
    app = startApp('apps/routers/router.cjs', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify({ handoff, workers: 3 }), LIMPET_TEST_UID: String(nobody) },
    });
    const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
    for (const slot of [0, 1, 2]) await app.hears('ready', (told) => told.slot === slot);
    const port = bound[0]?.port as number;
    const clients = addresses(200);
    const pids = await inParallel(clients, 8, async (from) => JSON.parse((await ask(port, from)).body).pid);
    expect(
      await inParallel(clients, 8, async (from) => JSON.parse((await ask(port, from)).body).pid),
    ).toEqual(pids);
    expect(new Set(pids).size).toBe(3);
    app.say('status');
    const { result } = (await app.hears('status')) as unknown as {
      result: { handoff: { name: string }; slots: { missteered: number }[] };
    };
    expect(result.handoff.name).toBe(handoff);
    expect(result.slots.map(({ missteered }) => missteered)).toEqual([0, 0, 0]);
  });
});
