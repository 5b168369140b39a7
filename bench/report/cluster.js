import { table } from './tables.js';

/** The results of the soak tests in test/chaos/ as Markdown. Every function returns text without a line break at its end. */

const whole = (value) => Math.round(value).toLocaleString('en');

/** One line with the machine, the date and the commit. */
export function place({ at, commit, cpu, cores, kernel, node, busyBefore }) {
  const busy =
    busyBefore > 0.05
      ? `, ${Math.round(busyBefore * 100)} % of the CPU busy with other work at the start`
      : '';
  return `${cores} cores of ${cpu}${busy}, Linux ${kernel}, Node ${node.slice(1)}, ${at.slice(0, 10)}, commit ${commit}.`;
}

/** @param {{ stamp: object, results: { seed: number, minutes: number, pairs: Record<string, object> } }} result */
export function chaos({ stamp, results: { seed, minutes, pairs } }) {
  const rows = Object.entries(pairs).map(([pair, counts]) => {
    const { connections, requests, blows, lostNew, cut, lost, closedByDrain, violations } = counts;
    const inAll = Object.values(blows).reduce((sum, count) => sum + count, 0);
    const counted = pair.startsWith('ipc') ? '' : whole(lost);
    return [
      pair,
      whole(connections),
      whole(requests),
      `${whole(inAll)}, ${whole(blows.SIGKILL)}`,
      whole(lostNew),
      whole(cut),
      counted,
      whole(closedByDrain),
      whole(violations),
    ];
  });
  const head = [
    'handoff, adapter',
    'connections',
    'requests',
    'faults, of these SIGKILL',
    'unanswered when their process died',
    'cut by a later kill',
    'counted as `lost`',
    'WebSockets closed at the deadline of a drain',
    'violations',
  ];
  return `${table(head, rows)}\n\n${minutes} minutes, all pairs at the same time, LIMPET_CHAOS_SEED=${seed}. ${place(stamp)}`;
}

/** @param {{ stamp: object, results: Record<string, object> }} result */
export function recovery({ stamp, results }) {
  const [{ slots }] = Object.values(results);
  const rows = Object.entries(results).map(
    ([pair, { kills, servedAgainMs, connections, cut, reloads, reloadMs, reloadRequests, reloadErrors }]) => [
      pair,
      whole(kills),
      whole(servedAgainMs.p50),
      whole(servedAgainMs.p99),
      `${whole(cut)} of ${whole(connections)}`,
      `${whole(reloads)}, ${whole(reloadMs)} ms`,
      whole(reloadRequests),
      whole(reloadErrors),
    ],
  );
  const head = [
    'handoff, adapter',
    'kills',
    'served again, ms: p50',
    'p99',
    'connections cut by the kills',
    `reloads of ${slots} workers, median`,
    'requests meanwhile',
    'errors',
  ];
  return `${table(head, rows)}\n\n${slots} workers. ${place(stamp)}`;
}
