import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { busySeconds } from './connections/processes.js';

/** Share of the machine's CPU that is in use over a second in which nothing of ours runs, 0 to 1. */
export async function busyShare() {
  const before = busySeconds();
  await delay(1000);
  return (busySeconds() - before) / cpus().length;
}
