import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { handoffBinding } from '../../../../src/binding/handoff-binding.ts';
import { bindingReport } from '../../../../src/binding/native.ts';
import { takeManagedSockets, takeNotifySettings } from '../../../../src/cluster/primary/upgrade/systemd.ts';
import { publish } from '../../../../src/diagnostics.ts';
import { needs } from '../../../needs.js';
import { App } from '../../../processes/app.js';
import { ask } from '../../../processes/clients.js';
import { runs } from '../../../processes/descriptors.js';

vi.mock('../../../../src/binding/handoff-binding.ts');
vi.mock('../../../../src/binding/native.ts');
vi.mock('../../../../src/diagnostics.ts', () => ({ publish: vi.fn() }));

const mine = String(process.pid);
const another = String(process.pid + 1);
afterEach(() => {
  vi.resetAllMocks();
});

describe('the sockets of the service manager', () => {
  const prepareInherited = vi.fn();
  const boundAddress = vi.fn();
  function withAddon() {
    vi.mocked(bindingReport).mockReturnValue({ kind: 'native', reason: '' });
    vi.mocked(handoffBinding).mockReturnValue({ prepareInherited, boundAddress } as never);
    boundAddress.mockImplementation((fd: number) => ({ path: `/run/${fd}.sock` }));
  }

  it('are the descriptors from 3 on, each with its address', () => {
    withAddon();
    const env = { LISTEN_PID: mine, LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b', PATH: '/bin' };
    expect(takeManagedSockets(env)).toEqual([
      { bound: { path: '/run/3.sock' }, descriptors: [3], managed: true },
      { bound: { path: '/run/4.sock' }, descriptors: [4], managed: true },
    ]);
    expect(prepareInherited.mock.calls).toEqual([[3], [4]]);
    expect(env).toEqual({ PATH: '/bin' });
    expect(takeManagedSockets(env)).toEqual([]);
  });

  it.each([
    {},
    { LISTEN_PID: another, LISTEN_FDS: '1' },
    { LISTEN_FDS: '1' },
    { LISTEN_PID: mine },
    { LISTEN_PID: mine, LISTEN_FDS: '0' },
    { LISTEN_PID: mine, LISTEN_FDS: 'many' },
  ])('are none with %o', (env) => {
    withAddon();
    expect(takeManagedSockets(env)).toEqual([]);
    expect(env).toEqual({});
    expect(prepareInherited).not.toHaveBeenCalled();
    expect(publish).not.toHaveBeenCalled();
  });

  it('are left alone without the addon, with a fault', () => {
    vi.mocked(bindingReport).mockReturnValue({ kind: 'twin', reason: '' });
    expect(takeManagedSockets({ LISTEN_PID: mine, LISTEN_FDS: '1' })).toEqual([]);
    const [[channel, payload]] = vi.mocked(publish).mock.calls as never as [[string, () => unknown]];
    expect(channel).toBe('limpet:fault');
    expect(payload()).toEqual({
      where: 'LISTEN_FDS',
      error: 'sockets of the service manager need the native addon',
    });
  });
});

describe('the notify settings', () => {
  it.each([
    [{ NOTIFY_SOCKET: '@n' }, { path: '@n', watchdogMs: 0 }],
    [
      { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '30000000' },
      { path: '@n', watchdogMs: 30_000 },
    ],
    [
      { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '1999', WATCHDOG_PID: mine },
      { path: '@n', watchdogMs: 1 },
    ],
    [
      { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '30000000', WATCHDOG_PID: another },
      { path: '@n', watchdogMs: 0 },
    ],
    [
      { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: 'soon' },
      { path: '@n', watchdogMs: 0 },
    ],
    [{ NOTIFY_SOCKET: '', WATCHDOG_USEC: '30000000' }, undefined],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: mine }, undefined],
  ])('of %o are %o, and workers do not inherit the variables', (variables, settings) => {
    const env = { ...variables, PATH: '/bin' };
    expect(takeNotifySettings(env)).toEqual(settings);
    expect(env).toEqual({ PATH: '/bin' });
  });
});

const fixtures = fileURLToPath(new URL('../../../fixtures/', import.meta.url));

if (needs('python3')) {
  /** These tests run in their order: they follow one router from its start to its end. */
  describe('a router under systemd', () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-systemd-'));
    const path = join(folder, 'socket');
    let manager: App;
    let primary: number;
    const hears = (pattern: RegExp, pid = primary, nth = 1) =>
      manager.hears('notify', ({ text, pid: from }) => from === pid && pattern.test(`${text}`), nth);

    beforeAll(async () => {
      const program = [process.execPath, `${fixtures}apps/routers/upgraded.js`];
      manager = new App(
        spawn('python3', [`${fixtures}service-manager.py`, folder, ...program], {
          env: { ...process.env, LIMPET_TEST_ALSO: JSON.stringify([{ path }]) },
          stdio: ['pipe', 'pipe', 'pipe'],
        }),
      );
      primary = (await manager.hears('serving')).pid as number;
    });
    afterAll(async () => {
      if (runs(primary)) process.kill(primary, 'SIGKILL');
      await manager.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('serves by fd on the sockets that it inherits, and says that it is ready', async () => {
      const { addresses, listeners } = (await manager.hears('serving')) as unknown as {
        addresses: [{ port: number }, { path: string }];
        listeners: { handoff: { name: string; reason: string } }[];
      };
      expect(addresses[1]).toEqual({ path });
      for (const { handoff } of listeners) {
        expect(handoff).toEqual({
          name: 'fd',
          reason: 'the service manager owns the listening socket, and kernel needs a socket for each slot',
        });
      }
      expect((await hears(/^READY=1$/m)).text).toMatch(new RegExp(`^MAINPID=${primary}$`, 'm'));
      const answer = JSON.parse((await ask(addresses[0].port, '127.0.0.1')).body);
      expect(answer).toEqual({ slot: expect.any(Number), pid: expect.any(Number), primary });
    });

    it('gives two signs of life in the time that systemd allows', async () => {
      await hears(/^WATCHDOG=1$/, primary, 3);
    });

    it('says that it reloads, and that it serves on after the reload', async () => {
      process.kill(primary, 'SIGHUP');
      expect((await hears(/^RELOADING=1$/m)).text).toMatch(/^MONOTONIC_USEC=\d+$/m);
      await hears(/^READY=1$/m, primary, 2);
      const texts = manager.told.filter(({ event }) => event === 'notify').map(({ text }) => `${text}`);
      const last = texts.findLastIndex((text) => text.startsWith('READY=1'));
      expect(texts.findIndex((text) => text.startsWith('RELOADING=1'))).toBeLessThan(last);
    });

    it('names the new primary before the new primary says that it is ready', async () => {
      const old = primary;
      process.kill(old, 'SIGUSR2');
      primary = (await manager.hears('upgraded')).successor as number;
      await hears(new RegExp(`^MAINPID=${primary}$`), old);
      await hears(/^READY=1$/m);
      await hears(/^WATCHDOG=1$/);
      await manager.hears('closed', ({ pid }) => pid === old);
      const texts = manager.told.filter(({ event }) => event === 'notify');
      const from = (pid: number) => texts.findIndex((told) => told.pid === pid);
      expect(texts.findIndex(({ text }) => text === `MAINPID=${primary}`)).toBeLessThan(from(primary));
      expect(texts.some(({ text, pid }) => pid === old && /^STOPPING/.test(`${text}`))).toBe(false);
    });

    it('says that it stops, and leaves the sockets of systemd as they are', async () => {
      process.kill(primary, 'SIGTERM');
      await hears(/^STOPPING=1$/m);
      await manager.hears('closed', ({ pid }) => pid === primary);
      expect(existsSync(path)).toBe(true);
    });
  });
}
