import type { RouterStatus, SlotStatus } from '../cluster/primary/status.js';
import { latencyBoundsMs } from '../handoff/latencies.js';

/** One value of a metric, as Prometheus has it. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Where it is not the metric's own: the parts of a histogram. */
  readonly metricName?: string;
}

/** A metric, and how it is read off the router's status. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: (status: RouterStatus) => Sample[];
}

type Type = 'counter' | 'gauge';

const states = ['starting', 'ready', 'draining', 'gone'] as const;

/** Every metric of a router. Counters go on through the death of a worker; they start anew with the primary. */
export const families: readonly Family[] = [
  {
    name: 'limpet_info',
    help: 'What serves: handoff of the first listener, affinity, native addon or its twin. Always 1.',
    type: 'gauge',
    samples: ({ handoff, affinity, binding }) => [
      { labels: { handoff: handoff?.name ?? 'none', affinity, binding: binding.kind }, value: 1 },
    ],
  },
  ofRouter('limpet_up', 'gauge', '1 while the router serves.', ({ state }) => Number(state === 'serving')),
  ofRouter('limpet_uptime_seconds', 'gauge', 'Age of the router.', ({ uptimeMs }) => uptimeMs / 1000),
  ofRouter('limpet_slots', 'gauge', 'Slots of the ring.', ({ ring }) => ring.slots),
  {
    name: 'limpet_unplaced_total',
    help: 'Connections closed before they could be placed, by reason.',
    type: 'counter',
    samples: ({ unplaced }) => byKey('reason', unplaced),
  },
  {
    name: 'limpet_slot_state',
    help: 'State of the process in the slot: 1 for the one that it is in.',
    type: 'gauge',
    samples: ({ slots }) =>
      slots.flatMap(({ slot, state }) =>
        states.map((each) => ({ labels: { slot, state: each }, value: Number(each === state) })),
      ),
  },
  ofSlot('limpet_slot_down', 'gauge', '1 while fallbacks serve the clients of the slot.', ({ down }) =>
    Number(down),
  ),
  ofSlot('limpet_slot_stalled', 'gauge', '1 while the process gives no sign of life.', ({ stalled }) =>
    Number(stalled),
  ),
  ofSlot(
    'limpet_slot_leaving',
    'gauge',
    'Older processes that finish what they have.',
    ({ leaving }) => leaving.length,
  ),
  ofSlot(
    'limpet_slot_accepted_total',
    'counter',
    'Connections that processes of the slot have had.',
    ({ accepted }) => accepted,
  ),
  ofSlot('limpet_slot_open', 'gauge', 'Connections open now.', ({ open, leaving }) =>
    leaving.reduce((sum, process) => sum + process.open, open),
  ),
  ofSlot(
    'limpet_slot_handed_total',
    'counter',
    'Connections that the primary passed on; with handoff kernel, only those of slots that are down.',
    ({ handed }) => handed,
  ),
  ofSlot(
    'limpet_slot_diverted_total',
    'counter',
    'Connections at home in another slot.',
    ({ diverted }) => diverted,
  ),
  ofSlot('limpet_slot_queued', 'gauge', 'Connections that wait in the primary.', ({ queued }) => queued),
  ofSlot(
    'limpet_slot_missteered_total',
    'counter',
    'Connections that the kernel placed where the ring would not: a stranger shares the address.',
    ({ missteered }) => missteered,
  ),
  ofSlot(
    'limpet_slot_lost_total',
    'counter',
    'Connections that were open in processes when they died.',
    ({ lost }) => lost,
  ),
  ofSlot(
    'limpet_slot_starved_total',
    'counter',
    'Times that a process, short of descriptors, let connections wait.',
    ({ starved }) => starved,
  ),
  bySlot(
    'limpet_slot_refused_total',
    'reason',
    'Connections closed unserved, by reason.',
    ({ refused }) => refused,
  ),
  bySlot(
    'limpet_slot_restarts_total',
    'reason',
    'New processes but the first, by reason.',
    ({ restartsByCause }) => restartsByCause,
  ),
  {
    name: 'limpet_handoff_seconds',
    help: 'Time of a connection that the primary passed on, from being placed to being taken by a process.',
    type: 'histogram',
    samples: ({ slots }) => slots.flatMap(histogram),
  },
  ofSlot(
    'limpet_slot_event_loop_lag_seconds',
    'gauge',
    'How late the last sign of life was.',
    ({ lagMs }) => lagMs / 1000,
  ),
  ofSlot(
    'limpet_slot_resident_memory_bytes',
    'gauge',
    'Resident memory of the process in the slot.',
    ({ rssBytes }) => rssBytes,
  ),
  ofSlot(
    'limpet_slot_ring_share',
    'gauge',
    'Part of the buckets whose home the slot is, 0 to 1.',
    ({ share }) => share,
  ),
  ofSlot(
    'limpet_slot_real_share',
    'gauge',
    'Part of all connections so far that came to the slot, 0 to 1.',
    ({ realShare }) => realShare,
  ),
  ofSlot(
    'limpet_session_cache_hits_total',
    'counter',
    'Session reads answered by the near cache.',
    ({ sessionCache }) => sessionCache.hits,
  ),
  ofSlot(
    'limpet_session_cache_misses_total',
    'counter',
    'Session reads that had to ask Redis.',
    ({ sessionCache }) => sessionCache.misses,
  ),
  ofSlot(
    'limpet_session_cache_invalidations_total',
    'counter',
    'Times that Redis said that a session had changed.',
    ({ sessionCache }) => sessionCache.invalidations,
  ),
];

function ofRouter(name: string, type: Type, help: string, value: (status: RouterStatus) => number): Family {
  return { name, help, type, samples: (status) => [{ labels: {}, value: value(status) }] };
}

function ofSlot(name: string, type: Type, help: string, value: (slot: SlotStatus) => number): Family {
  const sample = (slot: SlotStatus) => ({ labels: { slot: slot.slot }, value: value(slot) });
  return { name, help, type, samples: ({ slots }) => slots.map(sample) };
}

function bySlot(
  name: string,
  key: string,
  help: string,
  counts: (slot: SlotStatus) => Readonly<Record<string, number>>,
): Family {
  const samples = (slot: SlotStatus) => byKey(key, counts(slot), { slot: slot.slot });
  return { name, help, type: 'counter', samples: ({ slots }) => slots.flatMap(samples) };
}

function byKey(
  key: string,
  counts: Readonly<Record<string, number>>,
  labels: Readonly<Record<string, number>> = {},
): Sample[] {
  return Object.entries(counts).map(([each, value]) => ({ labels: { ...labels, [key]: each }, value }));
}

function histogram({ slot, latency }: SlotStatus): Sample[] {
  let sum = 0;
  const buckets = latency.counts.map((count, at): Sample => {
    sum += count;
    const boundMs = latencyBoundsMs[at];
    const le = boundMs === undefined ? '+Inf' : boundMs / 1000;
    return { metricName: 'limpet_handoff_seconds_bucket', labels: { slot, le }, value: sum };
  });
  return [
    ...buckets,
    { metricName: 'limpet_handoff_seconds_sum', labels: { slot }, value: latency.sumMs / 1000 },
    { metricName: 'limpet_handoff_seconds_count', labels: { slot }, value: sum },
  ];
}
