import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type App, startApp } from '../processes/app.ts';

const possible = { linux: 'ipc,fd,kernel', darwin: 'ipc,fd' } as Partial<Record<NodeJS.Platform, string>>;

/** The handoffs of the integration tests: all that this platform has, or those that LIMPET_HANDOFF names. */
export const handoffs: readonly string[] = (
  process.env.LIMPET_HANDOFF ??
  possible[process.platform] ??
  'ipc'
).split(',');

/** An app that serves while its tests run. */
export interface Served {
  readonly port: number;
}

export interface Told {
  readonly slot: number;
  readonly pid: number;
}

/** Describes `tests` once for each handoff. The app is `test/fixtures/apps/servers/<file>` with three workers. */
export function describeServed(
  name: string,
  file: string,
  tests: (app: Served) => void,
  env: Record<string, string> = {},
): void {
  describe.each(handoffs)(`${name} by %s`, (handoff) => {
    const served = { port: 0 };
    let app: App;
    beforeAll(async () => {
      const options = JSON.stringify({ workers: 3, handoff });
      app = startApp(`apps/servers/${file}`, { env: { ...env, LIMPET_TEST_OPTIONS: options } });
      served.port = (await app.hears('listening')).port as number;
    });
    afterAll(async () => {
      expect(await app.stop(), app.output).toEqual({ code: 0, signal: null });
    });
    tests(served);
  });
}

/**
 * Calls `who` for twelve loopback addresses, `times` for each, one after the other. The same process must answer all calls of an
 * address, and more than one process those of all addresses.
 */
export async function expectSticky(who: (from: string) => Promise<Told>, times = 3): Promise<void> {
  const pids = new Set<number>();
  for (const from of Array.from({ length: 12 }, (_, n) => `127.0.1.${n + 1}`)) {
    const first = await who(from);
    for (let time = 1; time < times; time++) expect((await who(from)).pid, from).toBe(first.pid);
    pids.add(first.pid);
  }
  expect(pids.size).toBeGreaterThan(1);
}
