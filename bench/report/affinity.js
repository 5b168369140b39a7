import { place } from './cluster.js';
import { table } from './tables.js';

/** What is to be reached: text, the rounds, what of them, bound, digits. */
const goals = [
  [
    'CPU of a re-homed request of an Express app, times a direct one',
    ({ rehomed }) => rehomed.express,
    'ratio',
    2.5,
    2,
  ],
  ['the same of an app that does nothing', ({ rehomed }) => rehomed.http, 'ratio', 2.5, 2],
  ['10,000 silent connections: MiB in the primary', ({ silent }) => silent, 'routerMiB', 20, 1],
];

/**
 * Markdown of what re-homing and silent clients cost. Text without a line break at its end.
 * @param {{ stamp: object, results: { rehomed: Record<string, object>, silent: object } }} result
 */
export function affinity({ stamp, results }) {
  const rows = goals.map(([text, of, member, atMost, digits]) => {
    const { median, rounds } = of(results);
    const all = rounds.map((round) => round[member]);
    return [
      text,
      `at most ${atMost}`,
      `${median[member].toFixed(digits)} (${Math.min(...all).toFixed(digits)} to ${Math.max(...all).toFixed(digits)})`,
      median[member] <= atMost ? 'reached' : '**missed**',
    ];
  });
  const { silent } = results;
  const { express, http } = results.rehomed;
  const each = ({ median }) =>
    `${median.directUs.toFixed(0)} µs direct and ${median.rehomedUs.toFixed(0)} re-homed`;
  const ms = (microseconds) => (microseconds / 1000).toFixed(2);
  const count = (number) => number.toLocaleString('en');
  return [
    table(['what', 'asked for', 'median (rounds)', ''], rows),
    `CPU of router and workers for a kept-alive request: with Express ${each(express)}, with an app that does nothing ${each(http)}. ` +
      `While ${count(silent.connections)} connections say nothing, others' p99 at ${count(silent.othersPerSecond)} a second is ` +
      `${ms(silent.median.p99Among)} ms, ${ms(silent.median.p99Before)} ms before they came; ${count(silent.median.failed)} failed. ${place(stamp)}`,
  ].join('\n\n');
}
