import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Visit } from './clients.ts';
import { cutOff, type Timeline } from './timeline.ts';

/** The processes that served each request or message. In a good run that is exactly one. */
export type Served = ReadonlyMap<string, readonly number[]>;

/** Reads the ledgers of the workers: one file for each process, named by its pid. */
export function servedIn(folder: string): Served {
  const served = new Map<string, number[]>();
  for (const pid of readdirSync(folder)) {
    for (const what of readFileSync(join(folder, pid), 'utf8').split('\n')) {
      if (what === '') continue;
      const by = served.get(what);
      if (by) by.push(Number(pid));
      else served.set(what, [Number(pid)]);
    }
  }
  return served;
}

/** The result of comparing the clients' and the workers' ledgers. */
export interface Judgement {
  /** Empty in a good run. */
  readonly violations: readonly string[];
  readonly connections: number;
  readonly requests: number;
  /** New connections that got no byte. Each had been accepted by a process that was then killed. */
  readonly lostNew: number;
  /** Connections that a kill cut after their first answer. */
  readonly cut: number;
  /** WebSockets that a draining process closed at its deadline. */
  readonly closedByDrain: number;
}

/** Compares, for each connection, what the client saw with what the workers wrote down. */
export function judge(visits: readonly Visit[], served: Served, timeline: Timeline): Judgement {
  const violations: string[] = [];
  const count = { requests: 0, lostNew: 0, cut: 0, closedByDrain: 0 };
  const asked = new Set<string>();
  for (const visit of visits) {
    const { kind, from, startedAt, placedAt, endedAt, failure } = visit;
    const say = (wrong: string) =>
      violations.push(
        `${kind} from ${from}, ${startedAt} to ${endedAt}: ${wrong} (${failure ?? 'ended well'})`,
      );
    const processes = new Set<number>();
    for (const { what, answer } of visit.asked) {
      count.requests += 1;
      asked.add(what);
      const by = served.get(what) ?? [];
      if (by.length > 1) say(`${what} was served by ${by.join(' and ')}`);
      for (const pid of by) processes.add(pid);
      if (answer && by[0] !== answer.pid)
        say(`${what} was answered by ${answer.pid}, which did not write it down`);
      if (
        !answer &&
        by[0] !== undefined &&
        !cutOff(timeline.endOf(by[0], startedAt)?.reason ?? 'exited with code 0')
      ) {
        if (kind !== 'WebSocket') say(`${what} was served by ${by[0]} and never answered`);
      }
    }
    if (processes.size > 1) {
      const asks = visit.asked.map(({ what }) => `${what} by ${served.get(what) ?? 'no process'}`).join(', ');
      say(`was served by ${[...processes].map((pid) => timeline.storyOf(pid)).join(' and ')}: ${asks}`);
    }
    const first = visit.asked[0]?.answer;
    if (first && !timeline.mayBeServedBy(first.slot, from, startedAt, placedAt))
      say(`was served by slot ${first.slot}`);
    if (failure === undefined) continue;
    const [pid] = processes;
    const end = pid === undefined ? undefined : timeline.endOf(pid, startedAt);
    const killed = end ? cutOff(end.reason) : pid === undefined && timeline.someoneDied(startedAt, endedAt);
    if (failure.startsWith('no answer')) say('got no answer');
    else if (killed) count[visit.heard ? 'cut' : 'lostNew'] += 1;
    else if (!visit.heard) say('was refused or reset');
    else if (kind === 'WebSocket' && pid !== undefined && timeline.left(pid, startedAt))
      count.closedByDrain += 1;
    else say('was cut by a process that lives on');
  }
  for (const [what, by] of served) {
    if (!asked.has(what)) violations.push(`${by.join(' and ')} served ${what}, which no client asked for`);
  }
  return { violations, connections: visits.length, ...count };
}
