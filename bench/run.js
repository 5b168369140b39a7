// npm run bench -- [--quick] [--only NAME,…] [--rounds N] [--workers N] [--out FOLDER] [--again]
//
// Runs every part of the suite and writes one JSON file for each part to bench/results/. With --quick or --only, the results are not for
// the README and go to bench/results/partial/. --again repeats workloads of bench/results/, and keeps the results of the others.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parts } from './parts.js';
import { prepare } from './prepare.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    workers: { type: 'string', default: '2' },
    out: { type: 'string' },
    again: { type: 'boolean', default: false },
  },
});
const only = values.only.flatMap((names) => names.split(',')).filter(Boolean);
const started = performance.now();
const say = (line) =>
  console.log(`${`${Math.round((performance.now() - started) / 1000)} s`.padStart(6)}  ${line}`);

prepare();
const { stamp } = await import('./stamp.js');
const { busyShare } = await import('./quiet.js');
const { subjects } = await import('./connections/subjects/index.js');
const { workloads } = await import('./connections/workloads.js');

const rounds = whole('rounds', values.rounds ?? (values.quick ? '1' : '5'));
const workers = whole('workers', values.workers);
const known = [
  ...Object.keys(parts),
  ...Object.keys(workloads),
  ...subjects(workers).map(({ name }) => name),
];
const unknown = only.find((name) => !known.includes(name));
if (unknown) stop(`--only: got ${unknown}, expected one of ${known.join(', ')}.`);

const named = Object.keys(parts).filter((name) => only.includes(name));
const quickly = ['quality', 'connections', 'proof'];
const all = values.quick ? quickly : Object.keys(parts);
const chosen = named.length > 0 ? named : only.length > 0 ? ['connections'] : all;
const out =
  values.out ??
  fileURLToPath(
    new URL(
      `results/${(values.quick || only.length > 0) && !values.again ? 'partial/' : ''}`,
      import.meta.url,
    ),
  );
mkdirSync(out, { recursive: true });

const busy = await busyShare();
if (busy > 0.05) {
  say(
    `WARNING: ${Math.round(busy * 100)} % of this machine's CPU is busy with other work. The figures will be wrong. Stop that work and repeat.`,
  );
}
for (const name of chosen) {
  const run = { rounds, workers, scale: values.quick ? 0.1 : 1, quick: values.quick, only, say };
  const head = { stamp: { ...stamp(), rounds, workers, quick: values.quick, busyBefore: busy } };
  const results = await parts[name](run).catch((error) => say(`${name} did not run: ${error.message}`));
  if (!results) continue;
  const file = join(out, `${name}.json`);
  const made = values.again ? again(file, head, results) : { ...head, results };
  writeFileSync(file, `${JSON.stringify(made, null, 1)}\n`);
  say(`wrote ${join(out, `${name}.json`)}`);
}

/** Replaces these workloads in the earlier results. Each new workload has its own stamp. */
function again(file, head, results) {
  const before = JSON.parse(readFileSync(file, 'utf8'));
  const stamped = Object.entries(results).map(([workload, result]) => [workload, { ...result, ...head }]);
  return { ...before, results: { ...before.results, ...Object.fromEntries(stamped) } };
}

function whole(name, text) {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  return stop(`--${name}: expected a whole number from 1 to 999, got ${text}.`);
}

function stop(message) {
  console.error(message);
  process.exit(2);
}
