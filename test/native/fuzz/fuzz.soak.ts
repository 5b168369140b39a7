import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';

/** Minutes for each target. LIMPET_SOAK_MINUTES sets it. */
const minutes = Number(process.env.LIMPET_SOAK_MINUTES ?? 10);
const timeout = minutes * 60_000 + 120_000;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

/** The targets that CMakeLists.txt lists. */
const targets =
  readFileSync(`${root}CMakeLists.txt`, 'utf8')
    .match(/set\(fuzz_targets([^)]*)\)/)?.[1]
    ?.split(/\s+/)
    .filter(Boolean) ?? [];

/** Prints the line. If LIMPET_SOAK_RECORD is set, also adds it to bench/results/fuzzing.md. */
function record(line: string): void {
  console.log(line);
  if (process.env.LIMPET_SOAK_RECORD)
    writeFileSync(`${root}bench/results/fuzzing.md`, `- ${line}\n`, { flag: 'a' });
}

beforeAll(async () => {
  const env = { ...process.env, CC: 'clang', CXX: 'clang++' };
  await run('cmake', ['-S', '.', '-B', 'build-fuzz'], { cwd: root, env });
  await run('cmake', ['--build', 'build-fuzz', '--parallel', String(cpus().length), '--target', 'fuzz'], {
    cwd: root,
  });
}, 300_000);

test.concurrent.each(targets)('%s finds no fault', { timeout }, async (target) => {
  const findings = `${root}build-fuzz/findings/${target}/`;
  const { stderr } = await run(
    `${root}build-fuzz/fuzz_${target}`,
    [
      `-max_total_time=${minutes * 60}`,
      '-max_len=20000',
      '-print_final_stats=1',
      `-artifact_prefix=${findings}`,
      findings,
      `${root}test/native/fuzz/corpus/${target}`,
    ],
    { maxBuffer: 1 << 28 },
  );
  const [, executed] = stderr.match(/stat::number_of_executed_units: *(\d+)/) ?? [];
  const covered = [...stderr.matchAll(/cov: (\d+)/g)].at(-1)?.[1];
  record(`${target}, ${minutes} min: ${executed} inputs, ${covered} edges covered, nothing found`);
  expect(Number(executed)).toBeGreaterThan(1000);
});
