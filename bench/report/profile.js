import { placeNames } from '../profile/places.js';
import { place } from './cluster.js';
import { table } from './tables.js';

/**
 * The CPU time of a short connection by component, as Markdown without a line break at its end.
 * @param {{ stamp: object, results: Record<string, { title: string, cpuUs: number, parts: Record<string, number>, calls: Record<string, number> }> }} result
 */
export function profile({ stamp, results }) {
  const subjects = Object.values(results);
  const head = (first) => [first, ...subjects.map(({ title }) => title)];
  const cells = (of) => subjects.map((subject) => of(subject).toFixed(1));
  const parts = placeNames
    .filter((name) => subjects.some((subject) => (subject.parts[name] ?? 0) >= 0.05))
    .map((name) => [name, ...cells((subject) => subject.parts[name] ?? 0)]);
  const names = [...new Set(subjects.flatMap(({ calls }) => Object.keys(calls)))];
  const calls = names
    .filter((name) => subjects.some((subject) => (subject.calls[name] ?? 0) >= 0.05))
    .map((name) => [`\`${name}\``, ...cells((subject) => subject.calls[name] ?? 0)]);
  return [
    table(head('worker, µs a connection'), [
      ...parts,
      ['**sum**', ...subjects.map(({ cpuUs }) => `**${cpuUs.toFixed(1)}**`)],
    ]),
    table(head('system calls a connection'), [
      ...calls,
      ['**sum**', ...cells(({ calls: each }) => Object.values(each).reduce((sum, count) => sum + count, 0))],
    ]),
    `Measured with perf (cpu-clock) and strace on the workers. Both make all subjects slower. ${place(stamp)}`,
  ].join('\n\n');
}
