import { setTimeout as delay } from 'node:timers/promises';
import { load } from './load.js';
import { busySeconds } from './processes.js';
import { RunningSubject } from './subject.js';

/** The warm-up is this part of the measured load. V8 is still compiling during the first 10,000 connections. */
const warmUpPart = 2 / 3;
/** Time for a subject to close its connections before its CPU time is read. */
const settleMs = 150;

/** The warm-up runs at full speed, even if the measured load is paced. At that pace, V8 would still compile during the measurement. */
function warmUp({ rate, ...options }) {
  if (rate === undefined) return { ...options, operations: Math.ceil(options.operations * warmUpPart) };
  return { ...options, operations: options.operations * 2, width: 64 };
}

/**
 * Starts a subject, warms it up, measures it under load once, and stops it.
 * @param {import('./subjects/index.js').Subject} subject
 * @param {import('./workloads.js').Workload} workload
 * @param {{ workers: number, scale: number, round: number }} size all routers of one round have the same secret, so that they place the clients alike
 * @returns {Promise<object>} times in seconds per 10,000 operations, latencies in microseconds, memory in MiB
 */
export async function measure(subject, workload, { workers, scale, round }) {
  const running = await RunningSubject.start({
    command: subject.command,
    env: {
      ...subject.env,
      BENCH_APP: workload.app ?? 'http',
      LIMPET_SECRET: `of benchmark round ${round}`,
    },
    workers: subject.workers ?? workers,
  });
  try {
    const options = workload.options(scale);
    if (!options.hold) await load(running.port, warmUp(options));
    await delay(settleMs);
    const before = { cpu: running.cpu(), memory: running.memory(), busy: busySeconds() };
    let held;
    const result = await load(running.port, options, () => {
      held = running.memory();
    });
    await delay(settleMs);
    const cpu = running.cpu();
    const busy = busySeconds() - before.busy;
    const router = cpu.router - before.cpu.router;
    const workersCpu = cpu.workers - before.cpu.workers;
    const per10k = (seconds) => (seconds * 10_000) / result.answered;
    const memory = held ?? running.memory();
    return {
      perSecond: result.perSecond,
      cpu: per10k(router + workersCpu),
      routerCpu: per10k(router),
      workersCpu: per10k(workersCpu),
      clientCpu: per10k(result.cpu.seconds),
      clientShare: result.cpu.share,
      /** The share of the machine's CPU time that other processes used meanwhile. */
      elsewhere: Math.max(0, busy - router - workersCpu - result.cpu.seconds) / busy,
      p50: result.latencyUs.p50,
      p99: result.latencyUs.p99,
      p999: result.latencyUs.p999,
      routerMemory: memory.router,
      workersMemory: memory.workers,
      memoryGrowth: memory.router + memory.workers - before.memory.router - before.memory.workers,
      answered: result.answered,
      failed: result.failed,
      moved: result.moved,
      distribution: result.distribution,
    };
  } finally {
    await running.stop();
  }
}
