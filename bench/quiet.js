import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { busySeconds } from './connections/processes.js';

/** The share of the machine's CPU that other processes use, 0 to 1, measured over one second in which the benchmark is idle. */
export async function busyShare() {
  const before = busySeconds();
  await delay(1000);
  return (busySeconds() - before) / cpus().length;
}
