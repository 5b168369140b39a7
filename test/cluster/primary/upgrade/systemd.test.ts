import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../../needs.js';
import { App } from '../../../processes/app.js';
import { ask } from '../../../processes/clients.js';
import { runs } from '../../../processes/descriptors.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/', import.meta.url));

if (needs('python3')) {
  /** In order: one router, from its start to its end. */
  describe('under systemd', () => {
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

    it('serves on the sockets that it is given, by fd, and says that it is ready', async () => {
      const { addresses, listeners } = (await manager.hears('serving')) as unknown as {
        addresses: [{ port: number }, { path: string }];
        listeners: { handoff: { name: string; reason: string } }[];
      };
      expect(addresses[1]).toEqual({ path });
      for (const { handoff } of listeners) {
        expect(handoff).toEqual({
          name: 'fd',
          reason: 'the service manager holds the listening socket, and no other can join it',
        });
      }
      expect((await hears(/^READY=1$/m)).text).toMatch(new RegExp(`^MAINPID=${primary}$`, 'm'));
      const answer = JSON.parse((await ask(addresses[0].port, '127.0.0.1')).body);
      expect(answer).toEqual({ slot: expect.any(Number), pid: expect.any(Number), primary });
    });

    it('gives signs of life, twice in the time that it is allowed', async () => {
      await hears(/^WATCHDOG=1$/, primary, 3);
    });

    it('says that it reloads, and when it has', async () => {
      process.kill(primary, 'SIGHUP');
      expect((await hears(/^RELOADING=1$/m)).text).toMatch(/^MONOTONIC_USEC=\d+$/m);
      await hears(/^READY=1$/m, primary, 2);
      const texts = manager.told.filter(({ event }) => event === 'notify').map(({ text }) => `${text}`);
      const last = texts.findLastIndex((text) => text.startsWith('READY=1'));
      expect(texts.findIndex((text) => text.startsWith('RELOADING=1'))).toBeLessThan(last);
    });

    it('names its successor, which then speaks for itself', async () => {
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

    it('says that it stops, and leaves the manager’s sockets as they are', async () => {
      process.kill(primary, 'SIGTERM');
      await hears(/^STOPPING=1$/m);
      await manager.hears('closed', ({ pid }) => pid === primary);
      expect(existsSync(path)).toBe(true);
    });
  });
}
