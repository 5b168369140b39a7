import cluster, { type ClusterSettings, type Worker } from 'node:cluster';
import type { RawHandle } from '../connection.js';
import type { Seat } from '../handoff/contract.js';
import type { CheckedRouterOptions } from '../options.js';
import { type PrimaryMessage, send } from './messages.js';
import { Lifecycle } from './slot.js';

/** What a worker last said of itself. */
export interface Vitals {
  readonly open: number;
  readonly lagMs: number;
  readonly rssBytes: number;
}

/** A worker process in its slot, as the primary sees it. During a reload a slot has two. */
export class Occupant {
  readonly life: Lifecycle = new Lifecycle(Date.now());
  /** Listeners that the app in the process asked for, by key. */
  readonly asked: Set<string> = new Set();
  /** Listeners whose servers the process has opened. */
  readonly opened: Set<number> = new Set();
  /** True between being given its slot's clients and leaving them. */
  seated = false;
  stalled = false;
  heardAt: number = Date.now();
  vitals: Vitals | undefined;
  /** Why the primary ended it, if it did. */
  endedFor: string | undefined;

  constructor(
    readonly slot: number,
    readonly row: number,
    readonly worker: Worker,
  ) {}

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  send(message: PrimaryMessage, handle?: RawHandle): boolean {
    return send(this.worker.process, message, handle);
  }

  seatFor(listener: number): Seat {
    return {
      slot: this.slot,
      row: this.row,
      send: (body, handle) => this.send({ type: 'handoff', listener, body }, handle),
    };
  }

  kill(reason: string): void {
    this.endedFor ??= reason;
    this.worker.process.kill('SIGKILL');
  }
}

/** What a worker learns from its environment; read and removed by `cluster/worker.ts`. */
export interface SeatPass {
  readonly row: number;
  readonly drainTimeoutMs: number;
  readonly beatMs: number;
  readonly signals: boolean;
  /** How many descriptors, from which number on, the process inherited for its handoffs. */
  readonly inherited: { readonly from: number; readonly count: number };
}

export const seatPassVariable = 'LIMPET_SEAT';

/**
 * Forks through Node's cluster, so that whatever knows `cluster` knows our workers. `inherit` are descriptors that the worker gets
 * after its standard ones. The app's own cluster settings are put back. Throws what fork throws.
 */
export function forkWorker(
  options: CheckedRouterOptions,
  slot: number,
  row: number,
  inherit: readonly number[],
): Worker {
  const before = { ...cluster.settings };
  const stdio = standardStreams(before);
  const pass: SeatPass = {
    row,
    drainTimeoutMs: options.drainTimeoutMs,
    beatMs:
      options.stallTimeoutMs === 0
        ? 1000
        : Math.min(1000, Math.max(20, Math.floor(options.stallTimeoutMs / 5))),
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
      [seatPassVariable]: JSON.stringify(pass),
    });
  } finally {
    cluster.setupPrimary({ args: process.argv.slice(2), ...before, stdio: before.stdio as undefined });
  }
}

function standardStreams(settings: ClusterSettings): (number | string)[] {
  if (Array.isArray(settings.stdio)) return settings.stdio as (number | string)[];
  const each = typeof settings.stdio === 'string' ? settings.stdio : settings.silent ? 'pipe' : 'inherit';
  return [each, each, each, 'ipc'];
}
