import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BusiestCount } from '../../../src/binding/handoff-binding.ts';
import { OneAddressWarning } from '../../../src/cluster/primary/one-address-warning.ts';
import { BusiestClient } from '../../../src/handoff/busiest-client.ts';
import { request } from '../../affinity/heads.ts';
import { type App, startApp } from '../../processes/app.js';
import { addresses, inParallel } from '../../processes/clients.js';
import { RawConnection } from '../../processes/raw.js';

const code = 'LIMPET_ONE_ADDRESS';

describe('the busiest client', () => {
  it('is the one that makes more than half of the connections, in whatever order they come', () => {
    for (let seed = 0; seed < 50; seed++) {
      const busiest = new BusiestClient();
      // 60 of 100, in an order that differs with the seed.
      for (let i = 0; i < 100; i++) busiest.add((i * 37 + seed) % 100 < 60 ? 7 : 1000 + i);
      expect(busiest.seen).toBe(100);
      expect(busiest.count).toBeGreaterThan(30);
      expect(busiest.count).toBeLessThanOrEqual(60);
    }
  });
});

describe('the warning', () => {
  function watched() {
    const counts = new Map<string, BusiestCount>();
    const warnings: string[] = [];
    // Node would print the warnings among the results.
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
      if ((options as { code?: string }).code === code) warnings.push(String(message));
    });
    const warning = new OneAddressWarning(() => counts);
    const look = async () => {
      warning.look();
      await new Promise((resolve) => setImmediate(resolve));
    };
    const end = () => {
      warning.end();
      warn.mockRestore();
    };
    return { counts, warnings, look, end };
  }

  it('comes when a thousand connections have come, and comes once', async () => {
    const { counts, warnings, look, end } = watched();
    counts.set('worker 1', { seen: 999, count: 999 });
    await look();
    expect(warnings).toEqual([]);
    counts.set('worker 1', { seen: 1100, count: 700 });
    await look();
    counts.set('worker 1', { seen: 3000, count: 3000 });
    await look();
    end();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^700 of the last 1100 connections came from one address/);
  });

  it('judges all workers together, a thousand connections at a time, new processes included', async () => {
    const { counts, warnings, look, end } = watched();
    counts.set('worker 1', { seen: 600, count: 600 });
    counts.set('worker 2', { seen: 600, count: 10 });
    await look();
    counts.set('worker 1', { seen: 1200, count: 650 });
    counts.set('worker 2', { seen: 1200, count: 20 });
    await look();
    expect(warnings).toEqual([]);
    counts.set('worker 1', { seen: 1100, count: 1100 });
    counts.set('worker 2', { seen: 1300, count: 30 });
    await look();
    end();
    expect(warnings).toHaveLength(1);
  });
});

describe('the judgement', () => {
  /** Looks at each of these totals in turn, and returns the number of warnings. */
  function warningsAfter(...totals: Record<string, BusiestCount>[]): number {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    let now: Record<string, BusiestCount> = {};
    const warning = new OneAddressWarning(() => Object.entries(now));
    for (const total of totals) {
      now = total;
      warning.look();
    }
    warning.end();
    const { length } = emit.mock.calls;
    emit.mockRestore();
    return length;
  }

  it.each([
    ['999 connections are too few', [{ a: { seen: 999, count: 999 } }], 0],
    ['a thousand are enough', [{ a: { seen: 1000, count: 501 } }], 1],
    ['half of them is not more than half', [{ a: { seen: 1000, count: 500 } }], 0],
    [
      'the clients of two workers are two addresses',
      [{ a: { seen: 1000, count: 900 }, b: { seen: 1000, count: 900 } }],
      0,
    ],
    [
      'connections that were judged are not judged again',
      [{ a: { seen: 1000, count: 400 } }, { a: { seen: 1999, count: 1399 } }],
      0,
    ],
    [
      'connections that were too few are judged with the next',
      [{ a: { seen: 600, count: 400 } }, { a: { seen: 1200, count: 700 } }],
      1,
    ],
    [
      'a count that is smaller than before is that of another address',
      [{ a: { seen: 1000, count: 400 } }, { a: { seen: 2000, count: 100 } }],
      0,
    ],
    [
      'a process in the place of another counts from 0',
      [{ a: { seen: 5000, count: 1000 } }, { a: { seen: 1100, count: 1050 } }],
      1,
    ],
  ])('%s', (_what, totals, warnings) => {
    expect(warningsAfter(...(totals as Record<string, BusiestCount>[]))).toBe(warnings);
  });

  it('is made once a second, until it has warned or ends', () => {
    vi.useFakeTimers();
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const counts = vi.fn(() => [['a', { seen: 0, count: 0 }]] as [string, BusiestCount][]);
    const warning = new OneAddressWarning(counts);
    vi.advanceTimersByTime(3000);
    expect(counts).toHaveBeenCalledTimes(3);
    counts.mockReturnValue([['a', { seen: 2000, count: 2000 }]]);
    vi.advanceTimersByTime(5000);
    expect(counts).toHaveBeenCalledTimes(4);
    expect(emit.mock.calls).toEqual([
      [
        '2000 of the last 2000 connections came from one address. The router tells clients apart by their address, so all of them go to one worker. ' +
          "Is there a proxy or load balancer in front? Then set affinity to 'forwarded' or 'proxy-protocol' with trust, or to 'cookie' (docs/affinity.md).",
        { type: 'LimpetWarning', code },
      ],
    ]);
    warning.look();
    expect(emit).toHaveBeenCalledOnce();
    new OneAddressWarning(counts).end();
    vi.advanceTimersByTime(5000);
    expect(counts).toHaveBeenCalledTimes(4);
    expect(vi.getTimerCount()).toBe(0);
    emit.mockRestore();
    vi.useRealTimers();
  });
});

describe.each(['kernel', 'fd', 'ipc'])('a router by %s', (handoff) => {
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

  it('warns of many connections from one address, when there are enough', async () => {
    app = startApp('apps/clients/heads.js', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 2, handoff }) },
    });
    const port = (await app.hears('listening')).port as number;
    await app.hears('ready', undefined, 2);
    await inParallel(addresses(200), 32, (from) => visit(port, from));
    expect(app.output).not.toContain(code);
    await inParallel(new Array<string>(1300).fill('127.0.0.1'), 32, (from) => visit(port, from));
    await app.outputs(code);
  });
});

it('an affinity that tells clients apart by more than the address causes no warning', async () => {
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
  expect(app.output).not.toContain(code);
});
