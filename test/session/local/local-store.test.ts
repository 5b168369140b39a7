import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LocalStore } from 'limpet/session';
import { describe, expect, test } from 'vitest';
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
