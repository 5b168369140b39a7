import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, it } from 'vitest';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import { App } from '../processes/app.ts';
import { ask } from '../processes/clients.ts';
import { runs } from '../processes/descriptors.ts';
import { Home } from './limpet.ts';

const apps = fileURLToPath(new URL('../fixtures/', import.meta.url));
const home = new Home();
let app: App | undefined;
let newPrimary = 0;
afterEach(async () => {
  if (newPrimary > 0 && runs(newPrimary)) process.kill(newPrimary, 'SIGTERM');
  await app?.stop();
  newPrimary = 0;
});
afterAll(() => home.leave());

it('limpet upgrade replaces the primary of limpet start, with its metrics and its live page', async () => {
  app = home.start([
    'start',
    `${apps}unmodified/plain.cjs`,
    '-w',
    '2',
    '-n',
    'shop',
    '--metrics',
    '0',
    '--ui',
    '--',
    '[0,"127.0.0.1"]',
  ]);
  const url = (await app.says(/^metrics at /)).metrics as string;
  const page = (await app.says(/^live page, link for one browser/)).ui as string;
  const { address } = (await app.says(/^listening on/)) as unknown as { address: { port: number } };
  for (const slot of [0, 1]) await app.says(new RegExp(`^slot ${slot}: worker \\d+ is ready`));

  const { code, out, err } = home.limpet(['upgrade']);
  expect([code, err]).toEqual([0, '']);
  newPrimary = Number(/^process (\d+) has taken over/.exec(out)?.[1]);
  await expect.poll(() => runs((app as App).pid)).toBe(false);

  const status = JSON.parse(home.limpet(['status', '--json']).out) as RouterStatus;
  expect(status).toMatchObject({ pid: newPrimary, name: 'shop', state: 'serving' });
  expect((await ask(address.port, '127.0.0.1')).status).toBe(200);
  expect(await (await fetch(url)).text()).toMatch(/^limpet_up 1$/m);
  const next = (await app.says(/^live page, link for one browser/, 2)).ui as string;
  expect(new URL(next).port).toBe(new URL(page).port);
  expect((await fetch(next)).status).toBe(200);
  expect(home.limpet(['stop']).code).toBe(0);
  await expect.poll(() => runs(newPrimary)).toBe(false);
});

it('limpet upgrade refuses to replace process 1, and says what to do instead', async ({ skip }) => {
  skip(process.platform !== 'linux' || process.getuid?.() !== 0, 'a PID namespace needs root on Linux');
  app = new App(
    spawn(
      'unshare',
      [
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        process.execPath,
        `${apps}apps/routers/upgraded.js`,
      ],
      {
        env: { ...process.env, ...home.env, LIMPET_TEST_OPTIONS: JSON.stringify({ name: 'contained' }) },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    ),
  );
  expect((await app.hears('serving')).pid).toBe(1);
  const { code, err } = home.limpet(['upgrade', '-n', 'contained']);
  expect(code).toBe(1);
  expect(err).toMatch(/process 1.*start a new container.*limpet reload/);
  expect(JSON.parse(home.limpet(['status', '--json', '-n', 'contained']).out)).toMatchObject({
    state: 'serving',
  });
  // Signals from outside do not reach process 1 of the namespace.
  expect(home.limpet(['stop', '-n', 'contained']).code).toBe(0);
});
