import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LocalStore } from 'limpet/session';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodeBinaries } from '../../nodes/index.ts';
import { storeCases } from '../store-cases.js';

describe("LocalStore in this process's memory", () => {
  test.each(storeCases)('$name', async ({ run }) => {
    const store = new LocalStore({ in: 'memory' });
    await run(() => store);
    await store.close();
  });
});

const runner = fileURLToPath(new URL('../../fixtures/session/run-cases.js', import.meta.url));

describe.concurrent.each(nodeBinaries)('LocalStore on Node $version', ({ path, version }) => {
  const places = version.startsWith('v20.') ? ['memory'] : ['memory', 'sqlite'];
  test.concurrent.each(places)('workers share it in %s', async (place) => {
    const { stdout } = await promisify(execFile)(path, [
      '--disable-warning=ExperimentalWarning',
      runner,
      place,
    ]);
    const results = JSON.parse(stdout) as { name: string; error?: string }[];
    expect(results.filter(({ error }) => error)).toEqual([]);
    expect(results).toHaveLength(storeCases.length);
  });
});

describe('the options of a LocalStore', () => {
  afterEach(() => vi.restoreAllMocks());

  /** As on Node 20, which has no node:sqlite. */
  function withoutSqlite(): void {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
  }

  test("choose memory without node:sqlite if in is 'auto'", async () => {
    withoutSqlite();
    const store = new LocalStore();
    expect(store.status()).toMatchObject({ kind: 'memory', bytesMax: 64 * 1024 * 1024 });
    await store.close();
  });

  test.each([{ in: 'sqlite' }, { path: '/tmp/s.sqlite' }, { in: 'sqlite', path: '/tmp/s.sqlite' }] as const)(
    'are refused without node:sqlite if they need it: %j',
    (options) => {
      withoutSqlite();
      expect(() => new LocalStore(options)).toThrow(
        expect.objectContaining({
          code: 'ERR_LIMPET_OPTION',
          message: expect.stringContaining('needs Node 22.13 or later'),
          facts: { option: 'in', version: process.version },
        }),
      );
    },
  );

  test('bound the memory', async () => {
    const store = new LocalStore({ in: 'memory', bytesMax: 65_536, path: 'not used' });
    expect(store.status()).toMatchObject({ kind: 'memory', bytesMax: 65_536 });
    await store.close();
  });

  test.each([
    ['in', 'redis'],
    ['path', ''],
    ['bytesMax', 65_535],
    ['commandTimeoutMs', 9],
  ])('refuse a wrong %s', (option, value) => {
    expect(() => new LocalStore({ [option]: value })).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_OPTION', facts: expect.objectContaining({ option }) }),
    );
  });
});
