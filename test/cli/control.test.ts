import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import { type App, startApp } from '../processes/app.js';
import { Home } from './limpet.ts';

const home = new Home();
let app: App;

function startShop(options: object = {}): App {
  const given = { name: 'shop', workers: 2, respawnGraceMs: 30_000, ...options };
  return startApp('apps/servers/http.js', {
    env: { ...home.env, LIMPET_TEST_OPTIONS: JSON.stringify(given) },
  });
}

beforeAll(async () => {
  app = startShop();
  await Promise.all([0, 1].map((slot) => app.hears('ready', (event) => event.slot === slot)));
});
afterAll(async () => {
  await app.stop();
  home.leave();
});

const statusNow = (): RouterStatus => JSON.parse(home.limpet(['status', '--json']).out) as RouterStatus;

// The tests run in this order. The last one stops the router.
describe('a running router', () => {
  it('prints its status as text and as JSON', async () => {
    const { port } = await app.hears('listening');
    const { code, out, err } = home.limpet(['status']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(
      new RegExp(`^shop  serving for .*, process ${app.pid}, affinity address\n127.0.0.1:${port}  by `),
    );
    expect(out).toMatch(/^slot {2}process {2}state/m);
    expect(out).toMatch(/^ {3}1 {2} +\d+ {2}ready .* 50\.0 %/m);
    expect(statusNow()).toMatchObject({ pid: app.pid, name: 'shop', state: 'serving', ring: { slots: 2 } });
  });

  it('explains the slot of an address and of a request head, and prints its ring', () => {
    const { code, out } = home.limpet(['explain', '203.0.113.7', '--json']);
    expect(code).toBe(0);
    const found = JSON.parse(out);
    expect(found).toMatchObject({ rule: 'address', key: '0000ffffcb007107', reason: 'home' });
    const head = join(home.directory, 'head');
    writeFileSync(head, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const byHead = JSON.parse(home.limpet(['explain', '203.0.113.7', '--head', head, '--json']).out);
    expect(byHead.owner).toBe(found.owner);
    const ring = JSON.parse(home.limpet(['ring', '--json']).out);
    expect([ring.slots, ring.homes.length, ring.homes[found.bucket]]).toEqual([2, 1024, found.home]);
  });

  it('prints a line of JSON every second with status --watch --json, until Ctrl-C', async () => {
    const watching = home.start(['status', '--watch', '--json']);
    await expect.poll(() => watching.output.split('\n').length, { timeout: 20_000 }).toBeGreaterThan(2);
    for (const line of watching.output.trim().split('\n')) expect(JSON.parse(line).pid).toBe(app.pid);
    watching.kill('SIGINT');
    await watching.ended;
  });

  it('scales, and rejects an invalid number of workers with exit code 2', () => {
    expect(home.limpet(['scale', '3'])).toEqual({ code: 0, out: '3 workers\n', err: '' });
    expect(statusNow().slots).toHaveLength(3);
    for (const wrong of ['0', '257', 'many', '-1']) {
      const { code, out, err } = home.limpet(['scale', wrong]);
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^limpet: /);
      expect(err).not.toMatch(/^\s+at /m);
    }
    expect(home.limpet(['scale', '2']).out).toBe('2 workers\n');
  });

  it('reloads: every slot gets a new process', () => {
    const pids = statusNow().slots.map(({ pid }) => pid);
    expect(home.limpet(['reload', '--parallel', '2'])).toMatchObject({ code: 0, err: '' });
    const after = statusNow().slots;
    expect(after.map(({ state }) => state)).toEqual(['ready', 'ready']);
    for (const { pid } of after) expect(pids).not.toContain(pid);
  });

  it('keeps its name: a second router prints which process has it, and exits with code 1', async () => {
    const second = startShop();
    expect((await second.ended).code).toBe(1);
    expect(second.output).toMatch(
      new RegExp(
        `^limpet: a router named shop already runs, as process ${app.pid}\\..*ERR_LIMPET_NAME_IN_USE`,
        'm',
      ),
    );
    expect(statusNow().pid).toBe(app.pid);
  });

  it('is not found by another name: exit code 3, and the message lists the names that run', () => {
    expect(home.limpet(['status', '--name', 'stop'])).toEqual({
      code: 3,
      out: '',
      err: 'limpet: no router named stop runs as this user. These run: shop. (ERR_LIMPET_CONTROL)\n',
    });
  });

  it('stops and removes its socket, and then the next command finds no router', async () => {
    expect(home.limpet(['stop'])).toEqual({ code: 0, out: 'stopped\n', err: '' });
    expect((await app.ended).code).toBe(0);
    expect(readdirSync(join(home.directory, 'limpet/shop'))).toEqual([]);
    expect(home.limpet(['stop'])).toMatchObject({
      code: 3,
      err: expect.stringContaining('no router with a name runs'),
    });
  });
});
