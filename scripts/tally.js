/**
 * node scripts/tally.js FOLDER: prints the names of the failed tests and steps of .ci/run. The last line is "N passed, N failed".
 * FOLDER has `steps` (with a line "passed NAME" or "failed NAME" for each step), `ctest.log` and `vitest-*.json`. A step counts in
 * addition to its tests, so that an error outside of a test is not lost.
 * The exit code is 0 if at least one passed and none failed, otherwise 1.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.';
const read = (name) => {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const outcomes = [
  ...stepOutcomes(read('steps')),
  ...ctestOutcomes(read('ctest.log')),
  ...readdirSync(folder)
    .filter((name) => /^vitest-.*\.json$/.test(name))
    .flatMap((name) => vitestOutcomes(read(name))),
];
const failed = outcomes.filter(({ passed }) => !passed);

for (const { name } of failed) console.log(`failed: ${name}`);
console.log(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1;

function stepOutcomes(text) {
  return [...text.matchAll(/^(passed|failed) (.+)$/gm)].map(([, verdict, name]) => ({
    passed: verdict === 'passed',
    name,
  }));
}

/** Reads ctest's line for each test: ` 2/4 Test #2: name ....   Passed    0.02 sec`. */
function ctestOutcomes(text) {
  const lines = text.matchAll(/^ *\d+\/\d+ Test +#\d+: (\S+) \.*(.*?) +[\d.]+ sec/gm);
  return [...lines].map(([, name, verdict]) => ({
    passed: verdict.trim() === 'Passed',
    name: `native ${name}`,
  }));
}

/** One outcome for each test that ran. A file that could not be loaded counts as one failure. */
function vitestOutcomes(text) {
  if (text === '') return [];
  return JSON.parse(text).testResults.flatMap(({ name, status, assertionResults }) => {
    const ran = assertionResults.filter((test) => ['passed', 'failed'].includes(test.status));
    if (ran.length === 0 && status === 'failed') return [{ passed: false, name }];
    return ran.map((test) => ({ passed: test.status === 'passed', name: test.fullName }));
  });
}
