import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, it } from 'vitest';
import { hostAndPort } from '../../src/cli/flag-values.js';
import type { App } from '../processes/app.ts';
import { Home } from './limpet.ts';

const file = fileURLToPath(new URL('../fixtures/unmodified/plain.cjs', import.meta.url));
const home = new Home();
let app: App | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});
afterAll(() => home.leave());

it('limpet start serves metrics with --metrics and the live page with --ui', async () => {
  app = home.start(['start', '--metrics', '0', '--ui', file, '-w', '2', '--', '[0,"127.0.0.1"]']);
  const metrics = (await app.says(/^metrics at /)).metrics as string;
  const page = (await app.says(/^live page, link for one browser/)).ui as string;
  for (const slot of [0, 1]) await app.says(new RegExp(`^slot ${slot}: worker \\d+ is ready`));
  expect(await (await fetch(metrics)).text()).toMatch(/^limpet_slot_state\{slot="1",state="ready"\} 1$/m);
  expect((await fetch(page)).status).toBe(200);
  const next = (await app.says(/^live page opened/)).ui as string;
  expect((await fetch(page)).status).toBe(403);
  expect((await fetch(next)).status).toBe(200);
});

it('limpet start rejects an invalid --metrics, and says what it expects', () => {
  const { code, err } = home.limpet(['start', file, '--metrics', 'everywhere']);
  expect(code).toBe(2);
  expect(err).toMatch(/--metrics: option metrics: got "everywhere", expected a port, or a host and a port/);
});

it('hostAndPort() reads a host and a port, and rejects every other form', () => {
  expect(hostAndPort(9100)).toEqual({ port: 9100 });
  expect(hostAndPort('0.0.0.0:9100')).toEqual({ host: '0.0.0.0', port: 9100 });
  expect(hostAndPort('[::1]:9100')).toEqual({ host: '::1', port: 9100 });
  expect(hostAndPort('metrics.local:9100')).toEqual({ host: 'metrics.local', port: 9100 });
  for (const wrong of [
    '',
    ':9100',
    '::1:9100',
    'host',
    'host:',
    'a:b:1',
    65536,
    '0.0.0.0:70000',
    -1,
    true,
    undefined,
  ]) {
    expect(hostAndPort(wrong)).toBeUndefined();
  }
});
