import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const { prepare } = await import('./prepare.js');
prepare();
const { RunningSubject } = await import('./connections/subject.js');
const { subjects } = await import('./connections/subjects/index.js');
const { load } = await import('./connections/load.js');
const { workloads } = await import('./connections/workloads.js');
const w = workloads[process.argv[2]];
for (const name of process.argv.slice(3)) {
  const s = subjects(2).find((x) => x.name === name);
  const r = await RunningSubject.start({
    command: s.command,
    env: { ...s.env, BENCH_APP: w.app ?? 'http', NODE_OPTIONS: '--perf-basic-prof' },
    workers: 2,
  });
  await load(r.port, w.options(1));
  const b = r.cpu().workers;
  const p = spawn(
    'perf',
    ['record', '-q', '-e', 'cpu-clock', '-F', '1999', '-o', `/tmp/p/${name}.perf`, '-p', r.workers.join(',')],
    { stdio: 'ignore' },
  );
  await new Promise((f) => setTimeout(f, 500));
  const res = await load(r.port, w.options(1));
  await load(r.port, w.options(1));
  p.kill('SIGINT');
  await once(p, 'exit');
  console.log(name, res.perSecond, (((r.cpu().workers - b) * 1e6) / 2 / res.answered).toFixed(2), 'us');
  await r.stop();
  const out = spawnSync(
    'perf',
    [
      'report',
      '-i',
      `/tmp/p/${name}.perf`,
      '--stdio',
      '--no-children',
      '-g',
      'none',
      '-s',
      'symbol',
      '-t',
      '|',
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  ).stdout;
  console.log(
    out
      .split('\n')
      .filter((l) => /JS:|limpet|WeakMap|RegExp/i.test(l))
      .slice(0, 22)
      .map((l) => l.replace(/\s+/g, ' ').slice(0, 140))
      .join('\n'),
  );
}
