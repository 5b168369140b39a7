import { describeAffinity } from '../../affinity/chain.js';
import { bindingReport } from '../../binding/native.js';
import type { AcceptorCounts } from '../../handoff/acceptor-counters.js';
import { addLatencies, type Latencies, noLatencies } from '../../handoff/latencies.js';
import type { CheckedRouterOptions } from '../../options.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import { type Counters, sumOf } from './counters.js';
import type { Handoffs } from './listeners/handoffs.js';
import type { Listener } from './listeners/listener.js';
import type { Slot } from './pool/slot.js';
import type { WorkerProcess } from './pool/worker-process.js';
import type { RouterState } from './router-state.js';
import type { ProcessStatus, RingStatus, RouterStatus, SlotStatus } from './status.js';

/** The parts of the router that its status is read from. */
export interface ReportedParts {
  readonly state: Pick<RouterState, 'phase' | 'startedAt'>;
  readonly ring: SlotRing;
  readonly counters: Pick<Counters, 'of'>;
  readonly handoffs: Pick<Handoffs, 'counts' | 'openIn' | 'rejectedBeforeRouting'>;
  readonly listeners: Iterable<Listener>;
  readonly pool: { readonly supervisor: { readonly slots: readonly Readonly<Slot>[] } };
}

export function reportRing(ring: SlotRing): RingStatus {
  const slots = Array.from({ length: ring.size }, (_, slot) => slot);
  return {
    slots: ring.size,
    homes: [...ring.homeTable()],
    owners: [...ring.ownerTable()].map((slot) => (slot < ring.size ? slot : -1)),
    down: slots.filter((slot) => ring.isDown(slot)),
  };
}

export function reportStatus(options: CheckedRouterOptions, parts: ReportedParts): RouterStatus {
  const { state, ring, handoffs } = parts;
  const { slots } = parts.pool.supervisor;
  const listeners = [...parts.listeners];
  const acceptorCounts = slots.map(({ number }) => handoffs.counts(number));
  const reportSlot = slotReporter(parts, listeners, acceptorCounts);
  return {
    pid: process.pid,
    name: options.name,
    state: state.phase,
    uptimeMs: Date.now() - state.startedAt,
    affinity: describeAffinity(options.affinity),
    handoff: listeners[0]?.choice,
    binding: bindingReport(),
    ring: { buckets: options.buckets, slots: ring.size },
    ...(options.healthPath === undefined ? {} : { healthPath: options.healthPath }),
    unplaced: handoffs.rejectedBeforeRouting(),
    lost: acceptorCounts.reduce((sum, counts) => sum + (counts?.lost ?? 0), 0),
    listeners: listeners.map(({ bound, choice, direct }) => ({
      address: bound,
      handoff: choice,
      ...(direct && { direct: { address: direct.bound, handoff: direct.choice } }),
    })),
    slots: slots.filter(({ retired, leaving }) => !retired || leaving.size > 0).map(reportSlot),
  };
}

/** The function that reports one slot. Connections are counted by the acceptor (`kernel`, `fd`) and by the primary (`ipc`). */
function slotReporter(
  { ring, counters, handoffs, pool }: ReportedParts,
  listeners: readonly Listener[],
  acceptorCounts: readonly (AcceptorCounts | undefined)[],
): (slot: Readonly<Slot>) => SlotStatus {
  const shares = ring.shares();
  const acceptedBy = (slot: number) => counters.of(slot).handed + (acceptorCounts[slot]?.accepted ?? 0);
  const acceptedInAll = pool.supervisor.slots.reduce((sum, { number }) => sum + acceptedBy(number), 0);
  // A process that also serves by ipc has connections that the acceptor does not see.
  const isOpenCounted = listeners.every(({ choice }) => choice.name !== 'ipc');
  const reportIn = (worker: WorkerProcess | undefined) =>
    reportProcess(worker, isOpenCounted && worker ? handoffs.openIn(worker.index) : undefined);

  return (slot) => {
    const { number, backoff } = slot;
    const own = counters.of(number);
    const native = acceptorCounts[number];
    const accepted = acceptedBy(number);
    return {
      slot: number,
      ...reportIn(slot.current),
      down: number >= ring.size || ring.isDown(number),
      leaving: [...slot.leaving].map(reportIn),
      restarts: backoff.count,
      restartsByCause: { ...backoff.byCause },
      lastRestarts: [...backoff.restarts],
      share: shares[number] ?? 0,
      realShare: acceptedInAll === 0 ? 0 : accepted / acceptedInAll,
      accepted,
      handed: own.handed + (native?.handed ?? 0),
      diverted: own.diverted + (native?.diverted ?? 0),
      missteered: native?.missteered ?? 0,
      lost: native?.lost ?? 0,
      queued: queuedIn(listeners, number),
      refused: sumOf(own.refused, native?.refused ?? {}),
      starved: native?.starved ?? 0,
      latency: sumOfLatencies(own.latency, native?.latency),
      sessionCache: { ...own.sessionCache },
    };
  };
}

function queuedIn(listeners: readonly Listener[], slot: number): number {
  return listeners.reduce(
    (sum, { handoff, direct }) => sum + handoff.queued(slot) + (direct?.handoff.queued(slot) ?? 0),
    0,
  );
}

function sumOfLatencies(one: Latencies, other: Latencies = noLatencies()): Latencies {
  const sum = noLatencies();
  addLatencies(sum, one);
  addLatencies(sum, other);
  return sum;
}

/** `open` is undefined if only the process knows how many connections it has. */
function reportProcess(worker: WorkerProcess | undefined, open: number | undefined): ProcessStatus {
  return {
    pid: worker?.pid,
    state: worker?.lifecycle.state ?? 'gone',
    reason: worker?.lifecycle.reason ?? 'no process is in the slot',
    since: worker?.lifecycle.since ?? 0,
    uptimeMs: worker ? Date.now() - worker.lifecycle.startedAt : 0,
    stalled: worker?.stalled ?? false,
    open: open ?? worker?.vitals?.open ?? 0,
    lagMs: worker?.vitals?.lagMs ?? 0,
    rssBytes: worker?.vitals?.rssBytes ?? 0,
  };
}
