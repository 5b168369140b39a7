import cluster, { type ClusterSettings, type Worker } from 'node:cluster';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { type WorkerSettings, workerSettingsVariable } from '../../protocol.js';

/**
 * Forks a worker through Node's cluster, so that code that uses `cluster` finds it in `cluster.workers`. The worker inherits the
 * descriptors `inherit`, numbered after its standard streams. They stay open in the primary. The app's own cluster settings are
 * restored. Throws what `cluster.fork()` throws.
 */
export function forkWorker(
  options: CheckedRouterOptions,
  slot: number,
  workerIndex: number,
  inherit: readonly number[],
): Worker {
  const before = { ...cluster.settings };
  const stdio = standardStreams(before);
  const settings: WorkerSettings = {
    workerIndex,
    drainTimeoutMs: options.drainTimeoutMs,
    noticeMs: options.noticeMs,
    beatMs: beatMs(options.stallTimeoutMs),
    signals: options.signals,
    inherited: { from: stdio.length, count: inherit.length },
  };
  cluster.setupPrimary({
    ...(options.exec === undefined ? {} : { exec: options.exec }),
    ...(options.args === undefined ? {} : { args: [...options.args] }),
    ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
    ...(inherit.length === 0 ? {} : { stdio: [...stdio, ...inherit] }),
  });
  try {
    return cluster.fork({
      ...options.env,
      LIMPET_SLOT: String(slot),
      [workerSettingsVariable]: JSON.stringify(settings),
    });
  } finally {
    cluster.setupPrimary({ args: process.argv.slice(2), ...before, stdio: before.stdio as undefined });
  }
}

/** The pause between two heartbeats: a fifth of `stallTimeoutMs`, but from 20 ms to 1 s. */
function beatMs(stallTimeoutMs: number): number {
  return stallTimeoutMs === 0 ? 1000 : Math.min(1000, Math.max(20, Math.floor(stallTimeoutMs / 5)));
}

function standardStreams(settings: ClusterSettings): (number | string)[] {
  if (Array.isArray(settings.stdio)) return settings.stdio as (number | string)[];
  const stream = typeof settings.stdio === 'string' ? settings.stdio : settings.silent ? 'pipe' : 'inherit';
  return [stream, stream, stream, 'ipc'];
}

/** Node accepts the path itself, the path without its extension, and a folder. Throws ERR_LIMPET_WORKER_START. */
export function checkWorkerFile(file: string | undefined): void {
  const endings = ['', '.js', '.cjs', '.mjs', '.json', '.node'];
  if (file !== undefined && endings.some((ending) => existsSync(resolve(file) + ending))) return;
  throw new LimpetError(
    'ERR_LIMPET_WORKER_START',
    file === undefined
      ? 'there is no file for the workers to run. Set the option exec to the path of the worker file.'
      : `the worker file ${file} does not exist. Check the option exec.`,
    { exec: file },
  );
}
