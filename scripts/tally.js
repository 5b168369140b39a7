/**
 * node scripts/tally.js STEPS VITEST_JSON: names what failed, then prints "N passed, N failed" as the last line.
 * STEPS has a line "passed NAME" or "failed NAME" for each step; a step that ran tests counts as its tests.
 * Exits with 1 unless something passed and nothing failed.
 */
import { existsSync, readFileSync } from 'node:fs';

const [stepsFile, vitestFile] = process.argv.slice(2);
const outcomes = readFileSync(stepsFile, 'utf8').trim().split('\n').map(toOutcome).concat(vitestOutcomes());
const failed = outcomes.filter(({ passed }) => !passed);

for (const { name } of failed) console.log(`failed: ${name}`);
console.log(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1;

function toOutcome(line) {
  const [verdict, ...name] = line.split(' ');
  return { passed: verdict === 'passed', name: name.join(' ') };
}

/** One outcome for each vitest test; a file that could not be loaded is a failure of its own. */
function vitestOutcomes() {
  if (!existsSync(vitestFile)) return [{ passed: false, name: 'the tests did not run' }];
  return JSON.parse(readFileSync(vitestFile, 'utf8')).testResults.flatMap(
    ({ name, status, assertionResults }) =>
      assertionResults.length === 0 && status === 'failed'
        ? [{ passed: false, name }]
        : assertionResults
            .filter((test) => ['passed', 'failed'].includes(test.status))
            .map((test) => ({ passed: test.status === 'passed', name: test.fullName })),
  );
}
