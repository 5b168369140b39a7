import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/tally.js', import.meta.url));

/** Runs the tally on these files. Returns its lines, and its exit code last. */
function tally(files: Record<string, string>): (string | number | null)[] {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-tally-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { stdout, status } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
    return [...stdout.trimEnd().split('\n'), status];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const ctest = (name: string, verdict: string): string =>
  `1/1 Test #1: ${name} ..........${verdict}    0.02 sec\n`;
const vitest = (...results: object[]): string => JSON.stringify({ testResults: results });

test('exits with 0 if all steps and tests passed', () => {
  const ran = { fullName: 'a', status: 'passed' };
  const leftOut = { fullName: 'b', status: 'skipped' };
  const file = { name: 'x.test.ts', status: 'passed', assertionResults: [ran, leftOut] };
  const files = {
    steps: 'passed check\n',
    'ctest.log': ctest('n', '   Passed'),
    'vitest-test.json': vitest(file),
  };
  expect(tally(files)).toEqual(['3 passed, 0 failed', 0]);
});

test.each([
  ['a step', { steps: 'passed install\nfailed check\n' }, 'failed: check'],
  ['a native test', { steps: 'passed native\n', 'ctest.log': ctest('n', '***Failed') }, 'failed: native n'],
  [
    'a test file that does not load',
    {
      steps: 'passed test\n',
      'vitest-test.json': vitest({ name: 'x.test.ts', status: 'failed', assertionResults: [] }),
    },
    'failed: x.test.ts',
  ],
])('names %s that failed, and exits with 1', (_, files, name) => {
  expect(tally(files)).toEqual([name, '1 passed, 1 failed', 1]);
});

test('exits with 1 if nothing ran', () => {
  expect(tally({})).toEqual(['0 passed, 0 failed', 1]);
});
