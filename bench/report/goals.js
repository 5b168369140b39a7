import { median } from '../rounds.js';

/**
 * A goal for limpet: a ratio of two subjects in the same round, or a figure of one subject.
 * @typedef {{ text: string, workload: string, member: string, of: string, over?: string | string[], atLeast?: number, atMost?: number, atRelease?: number }} Goal
 *   If `over` has several names, the best of them counts. `atRelease` is a weaker bound that every release must meet. It is for goals that
 *   are out of reach, as docs/benchmarks.md explains, or that vary too much on a shared machine.
 */

const sticky = ['sticky-session', 'sticky-cluster', 'socket.io-sticky'];

/** @type {Goal[]} */
export const goals = [
  goal(
    'kernel: connections a second, times sticky-session',
    'short',
    'perSecond',
    'limpet-kernel',
    'sticky-session',
    { atLeast: 2.8 },
  ),
  goal(
    'kernel: connections a second, times round robin',
    'short',
    'perSecond',
    'limpet-kernel',
    'round-robin',
    { atLeast: 2.2, atRelease: 2 },
  ),
  goal(
    'kernel: CPU of a connection, part of bare SO_REUSEPORT with BPF',
    'short',
    'cpu',
    'limpet-kernel',
    'reuseport-bpf',
    { atMost: 0.7, atRelease: 0.8 },
  ),
  goal(
    'kernel: CPU of the primary, s per 10,000 connections',
    'short',
    'routerCpu',
    'limpet-kernel',
    undefined,
    { atMost: 0.001 },
  ),
  goal(
    'kernel: p99 at 2,000 a second, part of bare SO_REUSEPORT with BPF',
    'paced',
    'p99',
    'limpet-kernel',
    'reuseport-bpf',
    { atMost: 1, atRelease: 1.25 },
  ),
  goal(
    'kernel: p99 at 2,000 a second, part of the best sticky package',
    'paced',
    'p99',
    'limpet-kernel',
    sticky,
    { atMost: 1 },
  ),
  goal(
    'kernel: kept-alive requests a second, part of bare SO_REUSEPORT with BPF',
    'alive',
    'perSecond',
    'limpet-kernel',
    'reuseport-bpf',
    { atLeast: 0.98 },
  ),
  goal(
    'kernel: kept-alive requests a second, times the best proxy',
    'alive',
    'perSecond',
    'limpet-kernel',
    ['nginx', 'haproxy'],
    { atLeast: 1.6, atRelease: 1.25 },
  ),
  goal(
    'kernel: CPU of a kept-alive request, part of the best proxy’s',
    'alive',
    'cpu',
    'limpet-kernel',
    ['nginx', 'haproxy'],
    { atMost: 0.625 },
  ),
  goal('fd: connections a second, times round robin', 'short', 'perSecond', 'limpet-fd', 'round-robin', {
    atLeast: 1.7,
  }),
  goal('fd: CPU of the primary, s per 10,000 connections', 'short', 'routerCpu', 'limpet-fd', undefined, {
    atMost: 0.2,
  }),
  goal('fd: CPU of a connection, part of SCHED_NONE', 'short', 'cpu', 'limpet-fd', 'sched-none', {
    atMost: 0.85,
    atRelease: 0.95,
  }),
  goal('ipc: CPU of the primary, times round robin', 'short', 'routerCpu', 'limpet-ipc', 'round-robin', {
    atMost: 1.25,
  }),
  goal(
    'uWS behind kernel: connections a second, part of uWS by itself',
    'short',
    'perSecond',
    'limpet-kernel-uws',
    'uws',
    { atLeast: 0.97, atRelease: 0.88 },
  ),
  goal(
    'uWS behind fd: connections a second, part of uWS by itself',
    'short',
    'perSecond',
    'limpet-fd-uws',
    'uws',
    { atLeast: 0.75 },
  ),
  goal(
    'cookie: connections a second, times @socket.io/sticky',
    'cookie',
    'perSecond',
    'limpet-cookie',
    'socket.io-sticky',
    { atLeast: 2.5 },
  ),
  goal(
    'sid: connections a second, times @socket.io/sticky',
    'sid',
    'perSecond',
    'limpet-sid',
    'socket.io-sticky',
    { atLeast: 2.5 },
  ),
  goal(
    'sid: kept-alive requests a second, times @socket.io/sticky',
    'sid-alive',
    'perSecond',
    'limpet-sid',
    'socket.io-sticky',
    { atLeast: 10 },
  ),
  goal(
    'sid: kept-alive requests a second, part of affinity by address',
    'sid-alive',
    'perSecond',
    'limpet-sid',
    'limpet-fd',
    { atLeast: 0.97, atRelease: 0.93 },
  ),
];

function goal(text, workload, member, of, over, bound) {
  return { text, workload, member, of, over, ...bound };
}

/**
 * @param {Goal} goal
 * @param {object} results of connections
 * @returns {{ median: number, low: number, high: number, reached: boolean, holds: boolean } | undefined} undefined if a
 *   subject did not run. `holds` says whether the figure is good enough for a release.
 */
export function judge({ workload, member, of, over, atLeast, atMost, atRelease }, results) {
  const rows = results[workload]?.subjects ?? {};
  const ones = rows[of]?.rounds?.map((round) => round[member]);
  if (!ones) return undefined;
  const others =
    over === undefined
      ? []
      : [over].flat().flatMap((name) => (rows[name]?.rounds ? [rows[name].rounds] : []));
  if (over !== undefined && others.length === 0) return undefined;
  const hardest = atLeast === undefined ? Math.min : Math.max;
  const ratios = ones.map((one, round) => {
    const theirs = others.map((rounds) => rounds[round]?.[member] ?? Number.NaN).filter(Number.isFinite);
    return over === undefined ? one : one / hardest(...theirs);
  });
  const middle = median(ratios);
  const within = (bound) => (atLeast === undefined ? middle <= bound : middle >= bound);
  return {
    median: middle,
    low: Math.min(...ratios),
    high: Math.max(...ratios),
    reached: within(atLeast ?? atMost),
    holds: within(atRelease ?? atLeast ?? atMost),
  };
}
