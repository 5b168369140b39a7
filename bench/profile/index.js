import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../connections/load.js';
import { RunningSubject } from '../connections/subject.js';
import { subjects } from '../connections/subjects/index.js';
import { workloads } from '../connections/workloads.js';
import { placeOf } from './places.js';

/** These subjects serve alike, and accept connections in four different ways. */
const profiled = ['limpet-kernel', 'limpet-fd', 'reuseport-bpf', 'sched-none'];
const samplesPerSecond = 999;
/** strace makes every system call slow. A few connections are enough to count the calls. */
const tracedConnections = 2000;

/**
 * Measures how the workers spend CPU time on short connections: by component (perf) and by system call (strace).
 * @param {import('../parts.js').Run} run
 * @returns {Promise<Record<string, { title: string, cpuUs: number, parts: Record<string, number>, calls: Record<string, number> }>>}
 *   by subject: CPU time of the workers per connection in microseconds, the same by component, and system calls per connection
 */
export async function measureProfile({ workers, scale, say }) {
  for (const tool of ['perf', 'strace']) {
    if (spawnSync(tool, ['--version']).error)
      throw new Error(`${tool} is not installed, but the profile needs it`);
  }
  const results = {};
  for (const subject of subjects(workers).filter(({ name }) => profiled.includes(name))) {
    const one = await profile(subject, { workers, scale });
    results[subject.name] = { title: subject.title, ...one };
    const calls = Object.values(one.calls).reduce((sum, count) => sum + count, 0);
    say(
      `  ${subject.title.padEnd(28)} ${one.cpuUs.toFixed(1)} us a connection, ${calls.toFixed(1)} system calls`,
    );
  }
  return results;
}

async function profile(subject, { workers, scale }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-profile-'));
  const running = await RunningSubject.start({
    command: subject.command,
    env: { ...subject.env, BENCH_APP: 'http', NODE_OPTIONS: '--perf-basic-prof' },
    workers,
  });
  try {
    const pids = running.workers.join(',');
    const options = workloads.short.options(scale);
    await load(running.port, options);
    const before = running.cpu().workers;
    const file = join(folder, 'samples');
    const { result } = await during(
      ['perf', 'record', '-q', '-e', 'cpu-clock', '-F', String(samplesPerSecond), '-o', file, '-p', pids],
      () => load(running.port, options),
    );
    const cpuUs = ((running.cpu().workers - before) * 1e6) / result.answered;
    const summary = join(folder, 'calls');
    await during(
      ['strace', '-f', '-c', '-o', summary, ...running.workers.flatMap((pid) => ['-p', pid])],
      () => load(running.port, { ...options, operations: tracedConnections }),
    );
    return {
      cpuUs,
      parts: partsOf(file, cpuUs),
      calls: callsOf(readFileSync(summary, 'utf8'), tracedConnections),
    };
  } finally {
    for (const pid of running.workers) rmSync(`/tmp/perf-${pid}.map`, { force: true });
    await running.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Runs `work` while the command observes the workers. */
async function during([command, ...args], work) {
  const observer = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  observer.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const ended = once(observer, 'exit');
  await once(observer, 'spawn');
  // Neither command reports when it has attached to all workers. Both need much less time than the load takes.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const result = await work();
  observer.kill('SIGINT');
  await ended;
  if (observer.exitCode !== 0 && observer.signalCode !== 'SIGINT')
    throw new Error(`${command}: ${output.trim()}`);
  return { result };
}

/** CPU time per connection in microseconds, by component. */
function partsOf(file, cpuUs) {
  const args = [
    'report',
    '-i',
    file,
    '--stdio',
    '--no-children',
    '-g',
    'none',
    '-s',
    'dso,symbol',
    '-t',
    '|',
  ];
  const { stdout, stderr, status } = spawnSync('perf', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`perf report: ${stderr.trim()}`);
  const parts = {};
  for (const line of stdout.split('\n')) {
    const [, percent, binary, symbol] =
      /^\s*([\d.]+)\s*%?\s*\|\s*(.*?)\s*\|\s*(?:\[.\] )?(.*?)\s*(?:\||$)/.exec(line) ?? [];
    if (percent === undefined) continue;
    const place = placeOf(binary, symbol);
    parts[place] = (parts[place] ?? 0) + (Number(percent) / 100) * cpuUs;
  }
  return parts;
}

/** System calls per connection. Leaves out calls that fewer than one in a hundred connections make. */
function callsOf(summary, connections) {
  const rows = summary.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w+)$/gm);
  return Object.fromEntries(
    [...rows]
      .filter(([, , name]) => name !== 'total')
      .map(([, count, name]) => [name, Number(count) / connections])
      .filter(([, each]) => each >= 0.01),
  );
}
