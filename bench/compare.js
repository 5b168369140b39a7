// npm run bench:compare -- REVISION [--rounds N] [--only NAME,…]
//
// Compares limpet at another revision with limpet in this working tree, in interleaved rounds. The benchmark code is that of this
// working tree. Prints whether something is slower, and then exits with 1.
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { prepare, run } from './prepare.js';
import { busyShare } from './quiet.js';
import { verdict } from './verdict.js';

const project = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', multiple: true, default: [] },
    scale: { type: 'string', default: '0.5' },
  },
});
const [revision] = positionals;
if (!revision) {
  console.error('bench:compare got no revision, expected one. For example: npm run bench:compare -- main');
  process.exit(2);
}

prepare();
run('npm', ['run', 'build'], project);
const { measure } = await import('./connections/measure.js');
const { subjects } = await import('./connections/subjects/index.js');
const { quick, workloads } = await import('./connections/workloads.js');
const only = values.only.flatMap((names) => names.split(','));
const pick = (names, otherwise) => {
  const asked = names.filter((name) => only.includes(name));
  return asked.length > 0 ? asked : otherwise;
};

const place = mkdtempSync(join(tmpdir(), 'limpet-compare-'));
const base = join(place, 'base');
let slower = false;
try {
  run('git', ['worktree', 'add', '--detach', base, revision], project);
  // The same tools build both versions, each from its own sources.
  symlinkSync(join(project, 'node_modules'), join(base, 'node_modules'));
  run('npm', ['run', 'build'], base);
  const sides = { base: join(base, 'dist/index.js'), here: join(project, 'dist/index.js') };
  const busy = await busyShare();
  if (busy > 0.05)
    console.log(
      `WARNING: ${Math.round(busy * 100)} % of this machine's CPU is busy with other work. Expected less than 5 %.`,
    );
  const all = subjects(2).filter(({ group, special }) => group === 'limpet' && !special);
  const chosen = pick(
    all.map(({ name }) => name),
    all.map(({ name }) => name).filter((name) => quick.subjects.includes(name)),
  );
  for (const workloadName of pick(Object.keys(workloads), quick.workloads)) {
    for (const name of chosen) {
      const subject = all.find((one) => one.name === name);
      const rounds = await interleaved(subject, workloads[workloadName], sides);
      const { text, worse } = verdict(rounds);
      console.log(`${workloads[workloadName].title}; ${subject.title}: ${text}`);
      slower ||= worse;
    }
  }
} finally {
  if (existsSync(base)) run('git', ['worktree', 'remove', '--force', base], project);
  rmSync(place, { recursive: true, force: true });
}
process.exit(slower ? 1 : 0);

/** Measures both versions once a round. They take turns at being first. */
async function interleaved(subject, workload, sides) {
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const one = {};
    for (const side of round % 2 ? ['here', 'base'] : ['base', 'here']) {
      const env = { ...subject.env, BENCH_LIMPET: pathToFileURL(sides[side]).href };
      one[side] = await measure({ ...subject, env }, workload, {
        workers: 2,
        scale: Number(values.scale),
        round,
      });
    }
    rounds.push(one);
  }
  return rounds;
}
