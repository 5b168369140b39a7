import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BusiestCount } from '../../../src/binding/handoff-binding.ts';
import { OneAddressWarning } from '../../../src/cluster/primary/one-address.ts';
import { BusiestClient } from '../../../src/handoff/busiest-client.ts';
import { request } from '../../affinity/heads.ts';
import { type App, startApp } from '../../processes/app.js';
import { addresses, inParallel } from '../../processes/clients.js';
import { RawConnection } from '../../processes/raw.js';

const said = 'LIMPET_ONE_ADDRESS';

describe('the vote', () => {
  it('ends at the client that makes more than half, wherever its connections stand', () => {
    for (let seed = 0; seed < 50; seed++) {
      const busiest = new BusiestClient();
      // 60 of 100, in an order that differs with the seed.
      for (let i = 0; i < 100; i++) busiest.saw((i * 37 + seed) % 100 < 60 ? 7 : 1000 + i);
      expect(busiest.seen).toBe(100);
      expect(busiest.count).toBeGreaterThan(30);
      expect(busiest.count).toBeLessThanOrEqual(60);
    }
  });
});

describe('the watch', () => {
  function watched() {
    const counts = new Map<string, BusiestCount>();
    const warnings: string[] = [];
    // Heard in the place of Node, which would print it among the results.
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
      if ((options as { code?: string }).code === said) warnings.push(String(message));
    });
    const watch = new OneAddressWarning(() => counts);
    const look = async () => {
      watch.look();
      await new Promise((resolve) => setImmediate(resolve));
    };
    const end = () => {
      watch.end();
      warn.mockRestore();
    };
    return { counts, warnings, look, end };
  }

  it('waits for a thousand connections, and speaks once', async () => {
    const { counts, warnings, look, end } = watched();
    counts.set('row 1', { seen: 999, count: 999 });
    await look();
    expect(warnings).toEqual([]);
    counts.set('row 1', { seen: 1100, count: 700 });
    await look();
    counts.set('row 1', { seen: 3000, count: 3000 });
    await look();
    end();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^700 of the last 1100 connections came from one address/);
  });

  it('judges all workers together, a thousand at a time, and those that begin anew', async () => {
    const { counts, warnings, look, end } = watched();
    counts.set('row 1', { seen: 600, count: 600 });
    counts.set('row 2', { seen: 600, count: 10 });
    await look();
    counts.set('row 1', { seen: 1200, count: 650 });
    counts.set('row 2', { seen: 1200, count: 20 });
    await look();
    expect(warnings).toEqual([]);
    counts.set('row 1', { seen: 1100, count: 1100 });
    counts.set('row 2', { seen: 1300, count: 30 });
    await look();
    end();
    expect(warnings).toHaveLength(1);
  });
});

describe.each(['kernel', 'fd', 'ipc'])('%s', (handoff) => {
  let app: App | undefined;
  afterEach(async () => {
    await app?.stop();
    app = undefined;
  });
  const visit = async (port: number, from: string) => {
    const connection = new RawConnection(port, from);
    await connection.write(request('/', 'Connection: close'));
    await connection.closed;
  };

  it('a crowd behind one address is told of, once there are enough', async () => {
    app = startApp('apps/clients/heads.js', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 2, handoff }) },
    });
    const port = (await app.hears('listening')).port as number;
    await app.hears('ready', undefined, 2);
    await inParallel(addresses(200), 32, (from) => visit(port, from));
    expect(app.output).not.toContain(said);
    await inParallel(new Array<string>(1300).fill('127.0.0.1'), 32, (from) => visit(port, from));
    await app.outputs(said);
  });
});

it('says nothing where a cookie tells clients apart: one address is as good as many', async () => {
  const app = startApp('apps/clients/heads.js', {
    env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 2, affinity: { header: 'x-user' } }) },
  });
  const port = (await app.hears('listening')).port as number;
  await app.hears('ready', undefined, 2);
  await inParallel(
    Array.from({ length: 1100 }, (_, i) => i),
    32,
    async (i) => {
      const connection = new RawConnection(port);
      await connection.write(request('/', `x-user: ${i}`, 'Connection: close'));
      await connection.closed;
    },
  );
  await app.stop();
  expect(app.output).not.toContain(said);
});
