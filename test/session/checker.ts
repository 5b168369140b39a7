import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { seeded } from '../processes/seeded.ts';

/**
 * One operation in the history of a checker run.
 *
 * The checker works like Jepsen, with a seed: worker processes run random operations on shared sessions in a real Redis, and record
 * each call and its result. Meanwhile the test makes faults. A session is a set that only grows: each `add` adds a key of its own. So
 * the history can be checked key by key.
 */
export interface Entry {
  readonly kind: 'create' | 'read' | 'add' | 'destroy';
  readonly sid: string;
  readonly key?: string;
  readonly worker: string;
  /** Milliseconds of the machine's monotonic clock. */
  readonly start: number;
  readonly end: number;
  /** 'gone': not done, because the session no longer existed. 'unknown': an error, so that it may have been done. 'broken': a bug. */
  readonly outcome: 'ok' | 'gone' | 'unknown' | 'broken';
  readonly result?: string[] | null;
  readonly error?: string;
}

export interface WorkerStatus {
  readonly worker: string;
  readonly nearCache: { on: boolean; reason?: string; hits: number; misses: number; invalidations: number };
  readonly conflicts: number;
}

/** Milliseconds after a confirmed write during which a read may still return the older row. */
const staleMs = 50;

/** Returns the violations in a history: none, if the store keeps its promises. */
export function violations(history: readonly Entry[]): string[] {
  const wrong: string[] = [];
  for (const [sid, entries] of groupBySid(history)) {
    const of = (kind: Entry['kind']): Entry[] => entries.filter((entry) => entry.kind === kind);
    const [created] = of('create').filter(({ outcome }) => outcome === 'ok');
    const destroys = of('destroy');
    // A destroy that began before the session was created has no effect that can be checked.
    const createdAt = Math.max(
      ...of('create').map(({ outcome, end }) => (outcome === 'ok' ? end : Number.POSITIVE_INFINITY)),
    );
    const adds = of('add');
    const byKey = new Map(adds.map((add) => [add.key, add]));
    for (const entry of entries) if (entry.outcome === 'broken') wrong.push(`${sid}: ${entry.error}`);
    for (const read of of('read')) {
      if (read.outcome !== 'ok') continue;
      const say = (what: string): void => {
        wrong.push(`${sid}: ${what} (${read.worker} read at ${read.start.toFixed(1)} ms)`);
      };
      const mayBeDestroyed = destroys.some(({ start }) => start < read.end);
      if (read.result === null || read.result === undefined) {
        if (created && created.end + staleMs < read.start && !mayBeDestroyed) say('the session is missing');
        continue;
      }
      const dead = destroys.find(
        ({ outcome, start, end }) => outcome === 'ok' && start > createdAt && end + staleMs < read.start,
      );
      if (dead) say(`read ${(read.start - dead.end).toFixed(1)} ms after it was destroyed by ${dead.worker}`);
      const seen = new Set(read.result);
      for (const key of seen) {
        const add = byKey.get(key);
        if (!add || add.start > read.end) say(`${key} was read before it was written`);
        else if (add.outcome === 'gone' && add.end < read.start)
          say(`${key} is there, although its write was reported as gone`);
      }
      for (const add of adds) {
        if (add.outcome !== 'ok' || add.end + staleMs >= read.start || seen.has(add.key ?? '')) continue;
        say(`${add.key} is missing ${(read.start - add.end).toFixed(1)} ms after it was stored`);
      }
    }
  }
  return wrong;
}

function groupBySid(history: readonly Entry[]): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of history) {
    const group = groups.get(entry.sid);
    if (group) group.push(entry);
    else groups.set(entry.sid, [entry]);
  }
  return groups;
}

export interface Run {
  readonly seed: number;
  /** The argument for ioredis: the options of a Redis, or the nodes of a Cluster. */
  readonly address: object;
  readonly durationMs: number;
  readonly workers?: number;
  readonly replicas?: number;
  readonly commandTimeoutMs?: number;
  /** Makes one fault. Called until the run ends, with a pause after each. */
  readonly fault: (random: () => number, workers: ChildProcess[]) => Promise<void>;
  readonly faultEveryMs: number;
}

export interface Judged {
  readonly violations: string[];
  readonly history: Entry[];
  readonly statuses: WorkerStatus[];
}

const fixture = fileURLToPath(new URL('../fixtures/session/checker-worker.js', import.meta.url));

/** Runs the workers and the faults for `durationMs`, then checks the history. The seed decides all but the timing of the machine. */
export async function check(run: Run): Promise<Judged> {
  const workers = Array.from({ length: run.workers ?? 3 }, (_, index) => {
    const options = {
      name: String.fromCharCode(97 + index),
      seed: run.seed * 1000 + index,
      address: run.address,
      slots: 6,
      tasks: 4,
      periodMs: 1500,
      durationMs: run.durationMs,
      replicas: run.replicas ?? 0,
      commandTimeoutMs: run.commandTimeoutMs ?? 1000,
    };
    return spawn(process.execPath, [fixture, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  });
  onTestFinished(() => {
    for (const worker of workers) worker.kill('SIGKILL');
  });
  const ready = workers.map((worker) => (worker.stdout ? once(worker.stdout, 'data') : undefined));
  const histories = workers.map(collect);
  await Promise.all(ready);
  const now = (): number => Number(process.hrtime.bigint()) / 1e6;
  const startsAt = now() + 50;
  for (const worker of workers) worker.stdin?.write(String(startsAt));
  const random = seeded(run.seed);
  const endsAt = startsAt + run.durationMs;
  await pause(300);
  while (now() < endsAt - 300) {
    await run.fault(random, workers);
    await pause(run.faultEveryMs * (0.5 + random()));
  }
  const lines = (await Promise.all(histories)).flat();
  const statuses = lines.filter(
    (line) => (line as { kind: string }).kind === 'status',
  ) as unknown as WorkerStatus[];
  const history = lines.filter(
    (line) => !['status', 'ready'].includes((line as { kind: string }).kind),
  ) as Entry[];
  if (statuses.length !== workers.length)
    throw new Error('a worker of the checker exited before it printed its status');
  return { violations: violations(history), history, statuses };
}

async function collect(worker: ChildProcess): Promise<object[]> {
  const lines: object[] = [];
  if (worker.stdout)
    for await (const line of createInterface({ input: worker.stdout })) lines.push(JSON.parse(line));
  return lines;
}

/** Returns one line of counts, for the results of a long run. */
export function summary({ history, statuses, violations: wrong }: Judged): string {
  const count = (kind: string, outcome: string): number =>
    history.filter((entry) => entry.kind === kind && entry.outcome === outcome).length;
  const total = (of: (status: WorkerStatus) => number): number =>
    statuses.reduce((sum, status) => sum + of(status), 0);
  return [
    `${count('read', 'ok')} reads`,
    `${count('add', 'ok')} writes (${count('add', 'gone')} gone, ${count('add', 'unknown')} unknown)`,
    `${count('destroy', 'ok')} destroys`,
    `${total(({ nearCache }) => nearCache.hits)} hits`,
    `${total(({ nearCache }) => nearCache.invalidations)} invalidations`,
    `${total(({ conflicts }) => conflicts)} conflicts`,
    `${wrong.length} violations`,
  ].join(', ');
}
