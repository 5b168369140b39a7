import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** The least part of the mutants that the unit tests must kill, in percent. */
const killedMin = 80;
const root = fileURLToPath(new URL('../..', import.meta.url));
const stryker = fileURLToPath(new URL('node_modules/@stryker-mutator/core/bin/stryker.js', import.meta.url));

interface Mutant {
  readonly status:
    | 'Killed'
    | 'Survived'
    | 'NoCoverage'
    | 'Timeout'
    | 'CompileError'
    | 'RuntimeError'
    | 'Ignored';
}
interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}

function count(mutants: readonly Mutant[]): { killed: number; all: number } {
  const judged = mutants.filter(
    ({ status }) => !['CompileError', 'RuntimeError', 'Ignored'].includes(status),
  );
  const killed = judged.filter(({ status }) => status === 'Killed' || status === 'Timeout').length;
  return { killed, all: judged.length };
}

const percent = ({ killed, all }: { killed: number; all: number }): string =>
  `${((100 * killed) / all).toFixed(1)} % (${killed} of ${all})`;

test(`the unit tests kill at least ${killedMin} % of the mutants`, { timeout: 7_200_000 }, () => {
  const run = spawnSync(process.execPath, [stryker, 'run', 'test/mutation/stryker.config.json'], {
    cwd: root,
    // Mutated arguments would end the process in the addon. The TypeScript implementation is what is judged.
    env: { ...process.env, LIMPET_BINDING: 'twin' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  expect(run.status).toBe(0);
  const { files } = JSON.parse(readFileSync(`${root}/build-mutation/report.json`, 'utf8')) as Report;
  const byFolder = new Map<string, Mutant[]>();
  for (const [file, { mutants }] of Object.entries(files)) {
    const folder = relative('src', file).split('/').slice(0, -1).join('/');
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), ...mutants]);
  }
  const total = count([...byFolder.values()].flat());
  if (process.env.LIMPET_SOAK_RECORD) {
    const lines = [...byFolder]
      .toSorted()
      .map(([folder, mutants]) => `| ${folder} | ${percent(count(mutants))} |`);
    writeFileSync(
      `${root}/bench/results/mutation.md`,
      [
        '# Mutation test',
        '',
        'StrykerJS changes one expression at a time, and runs the unit tests against each change (a mutant).',
        '`LIMPET_SOAK_RECORD=1 npm run soak` writes this page (`test/mutation/mutation.soak.ts`).',
        '',
        '| folder of src/ | mutants killed |',
        '| --- | --- |',
        ...lines,
        `| all | ${percent(total)} |`,
        '',
      ].join('\n'),
    );
  }
  expect((100 * total.killed) / total.all).toBeGreaterThanOrEqual(killedMin);
});
