import { describeAffinity } from '../../affinity/chain.js';
import { bindingReport } from '../../binding/native.js';
import type { BoundAddress } from '../../connection.js';
import { addLatencies, type Latencies, noLatencies } from '../../handoff/latencies.js';
import type { SessionCacheCounts } from '../../metrics.js';
import type { CheckedRouterOptions } from '../../options.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import { type Counters, sumOf } from './counters.js';
import type { Handoffs } from './listeners/handoff-choice.js';
import type { HandoffChoice, Listener } from './listeners/listener.js';
import type { RestartCause } from './pool/exit-reason.js';
import type { SlotState } from './pool/lifecycle.js';
import type { Restart } from './pool/restart-backoff.js';
import type { Slot } from './pool/slot.js';
import type { WorkerProcess } from './pool/worker-process.js';

/** A process in a slot, or one that still leaves it. */
export interface ProcessStatus {
  /** Undefined where no process is in the slot. */
  readonly pid: number | undefined;
  readonly state: SlotState;
  /** What brought it into that state, in words for people. */
  readonly reason: string;
  /** When the state began, ms since the epoch. */
  readonly since: number;
  /** Since it was forked. */
  readonly uptimeMs: number;
  /** It has given no sign of life for `stallTimeoutMs`. */
  readonly stalled: boolean;
  /** Connections open in the process: now, or, where they come by `ipc`, when it last gave a sign of life. */
  readonly open: number;
  /** How late its last sign of life was: what its event loop was busy with before. */
  readonly lagMs: number;
  /** Resident memory, at its last sign of life. */
  readonly rssBytes: number;
}

/** A slot, with the process in it. Counts are since the router began, over all its processes. */
export interface SlotStatus extends ProcessStatus {
  /** Its number, from 0. */
  readonly slot: number;
  /** Whether the slot's clients are served by fallbacks now. */
  readonly down: boolean;
  /** Processes that still finish what they had when a newer one took the slot. */
  readonly leaving: readonly ProcessStatus[];
  /** New processes that were not asked for. */
  readonly restarts: number;
  /** All new processes but the first, by cause. */
  readonly restartsByCause: Readonly<Partial<Record<RestartCause, number>>>;
  /** The last 20 of those that were not asked for, oldest first. */
  readonly lastRestarts: readonly Restart[];
  /** Of all buckets, the part whose home this slot is. */
  readonly share: number;
  /** Of all connections so far, the part that came here. */
  readonly realShare: number;
  /** Connections that the slot's processes have had. */
  readonly accepted: number;
  /** Of those, passed on by the primary: all of them, but where the kernel hands them on itself. */
  readonly handed: number;
  /** Of those, at home in another slot. */
  readonly diverted: number;
  /** How long those that were handed took from being placed to being taken. */
  readonly latency: Readonly<Latencies>;
  /** Connections that the kernel placed here and the ring would have not: a stranger shares the address. */
  readonly missteered: number;
  /** Connections that were open in the slot's processes when they died. */
  readonly lost: number;
  /** Connections that wait in the primary for the slot. */
  readonly queued: number;
  /** Connections closed unserved, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Times that a process, short of descriptors, let connections wait. */
  readonly starved: number;
  /** What the near caches of its processes have answered. */
  readonly sessionCache: SessionCacheCounts;
}

/** An address that the router listens on. */
export interface ListenerStatus {
  /** Undefined until it is bound. */
  readonly address: BoundAddress | undefined;
  readonly handoff: HandoffChoice;
  /** Slot 0's direct port, where the listener has such; slot n's is n higher. */
  readonly direct?: { readonly address: BoundAddress | undefined; readonly handoff: HandoffChoice };
}

/** What a router is and does, as plain data: what `limpet status --json` prints. No worker is asked for it. */
export interface RouterStatus {
  /** The primary's. */
  readonly pid: number;
  /** Under which the `limpet` command finds the router. */
  readonly name: string | undefined;
  /** `serving` from the first slot that is served on. */
  readonly state: 'starting' | 'serving' | 'closing' | 'closed';
  /** Since the router was made. */
  readonly uptimeMs: number;
  /** The rules in their order, as in `cookie, header x-user, address`. */
  readonly affinity: string;
  /** The first listener's. */
  readonly handoff: HandoffChoice | undefined;
  /** Where hash and ring are computed: the native addon or its TypeScript twin, and why. */
  readonly binding: { readonly kind: string; readonly reason: string };
  /** How many there are of each. */
  readonly ring: { readonly buckets: number; readonly slots: number };
  /** In the order in which they were asked for. */
  readonly listeners: readonly ListenerStatus[];
  /** Where workers say whether they serve; undefined where they do not. */
  readonly healthPath?: string;
  /** All slots, and those taken away whose processes still finish what they have. */
  readonly slots: readonly SlotStatus[];
  /** Connections closed before they could be placed, by reason. */
  readonly unplaced: Readonly<Record<string, number>>;
  /** Connections that were open in processes when they died, those of slots taken away since included. Not counted on `ipc`. */
  readonly lost: number;
}

interface RouterParts {
  readonly state: RouterStatus['state'];
  readonly startedAt: number;
  readonly options: CheckedRouterOptions;
  readonly ring: SlotRing;
  readonly counters: Counters;
  readonly handoffs: Handoffs;
  readonly listeners: readonly Listener[];
  readonly slots: readonly Readonly<Slot>[];
}

/** The ring, bucket by bucket. */
export interface RingStatus {
  /** How many there are. */
  readonly slots: number;
  /** The slot that each bucket belongs to while all live. */
  readonly homes: readonly number[];
  /** The slot that serves each bucket now; -1 when none is up. */
  readonly owners: readonly number[];
  /** The slots whose buckets fallbacks serve. */
  readonly down: readonly number[];
}

export function ringStatusOf(ring: SlotRing): RingStatus {
  return {
    slots: ring.size,
    homes: [...ring.homeTable()],
    owners: [...ring.ownerTable()].map((slot) => (slot < ring.size ? slot : -1)),
    down: Array.from({ length: ring.size }, (_, slot) => slot).filter((slot) => ring.isDown(slot)),
  };
}

/** What the router is and does, from what the primary knows: no worker is asked. */
export function statusOf(parts: RouterParts): RouterStatus {
  const { options, ring, counters, handoffs, listeners, slots } = parts;
  const shares = ring.shares();
  const natives = slots.map(({ number }) => handoffs.counts(number));
  const acceptedBy = ({ number }: Readonly<Slot>) =>
    counters.of(number).handed + (natives[number]?.accepted ?? 0);
  const acceptedInAll = slots.reduce((sum, slot) => sum + acceptedBy(slot), 0);
  const exact = listeners.every(({ choice }) => choice.name !== 'ipc');
  const statusIn = (worker: WorkerProcess | undefined) =>
    processStatus(worker, exact && worker ? handoffs.openIn(worker.index) : undefined);
  return {
    pid: process.pid,
    name: options.name,
    state: parts.state,
    uptimeMs: Date.now() - parts.startedAt,
    affinity: describeAffinity(options.affinity),
    handoff: listeners[0]?.choice,
    binding: bindingReport(),
    ring: { buckets: options.buckets, slots: ring.size },
    ...(options.healthPath === undefined ? {} : { healthPath: options.healthPath }),
    unplaced: handoffs.rejectedBeforeRouting(),
    lost: natives.reduce((sum, counts) => sum + (counts?.lost ?? 0), 0),
    listeners: listeners.map(({ bound, choice, direct }) => ({
      address: bound,
      handoff: choice,
      ...(direct && { direct: { address: direct.bound, handoff: direct.choice } }),
    })),
    slots: slots
      .filter(({ retired, leaving }) => !retired || leaving.size > 0)
      .map((slot): SlotStatus => {
        const { handed, diverted, refused, latency, sessionCache } = counters.of(slot.number);
        const native = natives[slot.number];
        const accepted = acceptedBy(slot);
        return {
          slot: slot.number,
          ...statusIn(slot.current),
          down: slot.number >= ring.size || ring.isDown(slot.number),
          leaving: [...slot.leaving].map(statusIn),
          restarts: slot.backoff.count,
          restartsByCause: { ...slot.backoff.byCause },
          lastRestarts: [...slot.backoff.restarts],
          share: shares[slot.number] ?? 0,
          realShare: acceptedInAll === 0 ? 0 : accepted / acceptedInAll,
          accepted,
          handed: handed + (native?.handed ?? 0),
          diverted: diverted + (native?.diverted ?? 0),
          missteered: native?.missteered ?? 0,
          lost: native?.lost ?? 0,
          queued: queuedIn(listeners, slot.number),
          refused: sumOf(refused, native?.refused ?? {}),
          starved: native?.starved ?? 0,
          latency: bothLatencies(latency, native?.latency),
          sessionCache: { ...sessionCache },
        };
      }),
  };
}

function queuedIn(listeners: readonly Listener[], slot: number): number {
  return listeners.reduce(
    (sum, { handoff, direct }) => sum + handoff.queued(slot) + (direct?.handoff.queued(slot) ?? 0),
    0,
  );
}

function bothLatencies(one: Latencies, other: Latencies = noLatencies()): Latencies {
  const both = noLatencies();
  addLatencies(both, one);
  addLatencies(both, other);
  return both;
}

function processStatus(worker: WorkerProcess | undefined, open: number | undefined): ProcessStatus {
  return {
    pid: worker?.pid,
    state: worker?.lifecycle.state ?? 'gone',
    reason: worker?.lifecycle.reason ?? 'nobody is in the slot',
    since: worker?.lifecycle.since ?? 0,
    uptimeMs: worker ? Date.now() - worker.lifecycle.startedAt : 0,
    stalled: worker?.stalled ?? false,
    open: open ?? worker?.vitals?.open ?? 0,
    lagMs: worker?.vitals?.lagMs ?? 0,
    rssBytes: worker?.vitals?.rssBytes ?? 0,
  };
}
