import { place } from './cluster.js';
import { table } from './tables.js';

/** The goals: text, function that returns the rounds, member of a round, upper bound, digits. */
const goals = [
  [
    'CPU of a forwarded request of an Express app, divided by a direct one',
    ({ rehomed }) => rehomed.express,
    'ratio',
    2.5,
    2,
  ],
  [
    'CPU of a forwarded request of an app that does nothing, divided by a direct one',
    ({ rehomed }) => rehomed.http,
    'ratio',
    2.5,
    2,
  ],
  ['10,000 silent connections: MiB in the primary', ({ silent }) => silent, 'routerMiB', 20, 1],
];

/**
 * The costs of forwarded requests and of silent clients, as Markdown without a line break at its end.
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
    `${median.directUs.toFixed(0)} µs direct and ${median.rehomedUs.toFixed(0)} µs forwarded`;
  const ms = (microseconds) => (microseconds / 1000).toFixed(2);
  const count = (number) => number.toLocaleString('en');
  return [
    table(['what', 'goal', 'median (rounds)', ''], rows),
    `CPU of router and workers for a kept-alive request: with Express ${each(express)}, with an app that does nothing ${each(http)}. ` +
      `While ${count(silent.connections)} connections send nothing, the p99 of other clients at ${count(silent.othersPerSecond)} connections a second is ` +
      `${ms(silent.median.p99Among)} ms. Before, it was ${ms(silent.median.p99Before)} ms. ${count(silent.median.failed)} connections failed. ${place(stamp)}`,
  ].join('\n\n');
}
