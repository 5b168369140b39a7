import type { RouterStatus, SlotStatus } from '../cluster/primary/status.js';
import { latencyBoundsMs } from '../handoff/latencies.js';

/** One value of a metric, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** The name, if it is not the family's own. The parts of a histogram have such names. */
  readonly metricName?: string;
}

/** A metric family (Prometheus), and the function that reads its values from the router's status. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: (status: RouterStatus) => Sample[];
}

type Type = 'counter' | 'gauge';

const states = ['starting', 'ready', 'draining', 'gone'] as const;

/** Every metric of a router. Counters survive the death of a worker. A new primary starts them at 0. */
export const metricFamilies: readonly MetricFamily[] = [
  {
    name: 'limpet_info',
    help: 'Handoff of the first listener, affinity, and binding: native addon or TypeScript (twin). Always 1.',
    type: 'gauge',
    samples: ({ handoff, affinity, binding }) => [
      { labels: { handoff: handoff?.name ?? 'none', affinity, binding: binding.kind }, value: 1 },
    ],
  },
  ofRouter('limpet_up', 'gauge', '1 while the router serves connections.', ({ state }) =>
    Number(state === 'serving'),
  ),
  ofRouter(
    'limpet_uptime_seconds',
    'gauge',
    'Time since the router was started.',
    ({ uptimeMs }) => uptimeMs / 1000,
  ),
  ofRouter('limpet_slots', 'gauge', 'Number of slots of the ring.', ({ ring }) => ring.slots),
  {
    name: 'limpet_unplaced_total',
    help: 'Connections closed before limpet chose a slot for them, by reason.',
    type: 'counter',
    samples: ({ unplaced }) => byKey('reason', unplaced),
  },
  {
    name: 'limpet_slot_state',
    help: '1 for the state of the worker process in the slot, 0 for all other states.',
    type: 'gauge',
    samples: ({ slots }) =>
      slots.flatMap(({ slot, state }) =>
        states.map((each) => ({ labels: { slot, state: each }, value: Number(each === state) })),
      ),
  },
  ofSlot(
    'limpet_slot_down',
    'gauge',
    '1 while the slot is down and fallbacks serve its clients.',
    ({ down }) => Number(down),
  ),
  ofSlot(
    'limpet_slot_stalled',
    'gauge',
    '1 while no heartbeat arrives from the worker process.',
    ({ stalled }) => Number(stalled),
  ),
  ofSlot(
    'limpet_slot_leaving',
    'gauge',
    'Older worker processes of the slot that are still draining.',
    ({ leaving }) => leaving.length,
  ),
  ofSlot(
    'limpet_slot_accepted_total',
    'counter',
    'Connections that worker processes of the slot have accepted.',
    ({ accepted }) => accepted,
  ),
  ofSlot('limpet_slot_open', 'gauge', 'Connections that are open now.', ({ open, leaving }) =>
    leaving.reduce((sum, process) => sum + process.open, open),
  ),
  ofSlot(
    'limpet_slot_handed_total',
    'counter',
    'Connections that the primary passed to a worker process. With handoff kernel, only connections of slots that are down.',
    ({ handed }) => handed,
  ),
  ofSlot(
    'limpet_slot_diverted_total',
    'counter',
    'Connections that this slot served because their home slot was down.',
    ({ diverted }) => diverted,
  ),
  ofSlot('limpet_slot_queued', 'gauge', 'Connections that wait in the primary now.', ({ queued }) => queued),
  ofSlot(
    'limpet_slot_missteered_total',
    'counter',
    'Connections that the kernel sent to another slot than the ring says. If not 0, another process listens on the address.',
    ({ missteered }) => missteered,
  ),
  ofSlot(
    'limpet_slot_lost_total',
    'counter',
    'Connections that were open in a worker process when it died.',
    ({ lost }) => lost,
  ),
  ofSlot(
    'limpet_slot_starved_total',
    'counter',
    'Times that a worker process had too few free descriptors and let connections wait.',
    ({ starved }) => starved,
  ),
  bySlot(
    'limpet_slot_refused_total',
    'reason',
    'Connections of the slot that were closed without being served, by reason.',
    ({ refused }) => refused,
  ),
  bySlot(
    'limpet_slot_restarts_total',
    'reason',
    'Worker processes started after the first one, by reason.',
    ({ restartsByCause }) => restartsByCause,
  ),
  {
    name: 'limpet_handoff_seconds',
    help: 'Time from the moment that the primary has chosen the slot of a connection until a worker process takes the connection.',
    type: 'histogram',
    samples: ({ slots }) => slots.flatMap(histogram),
  },
  ofSlot(
    'limpet_slot_event_loop_lag_seconds',
    'gauge',
    'Delay of the last heartbeat, which shows the event loop lag.',
    ({ lagMs }) => lagMs / 1000,
  ),
  ofSlot(
    'limpet_slot_resident_memory_bytes',
    'gauge',
    'Resident memory of the worker process in the slot.',
    ({ rssBytes }) => rssBytes,
  ),
  ofSlot(
    'limpet_slot_ring_share',
    'gauge',
    'Share of the buckets whose home is this slot, 0 to 1.',
    ({ share }) => share,
  ),
  ofSlot(
    'limpet_slot_real_share',
    'gauge',
    'Share of all connections so far that came to this slot, 0 to 1.',
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
    'Session reads that went to Redis.',
    ({ sessionCache }) => sessionCache.misses,
  ),
  ofSlot(
    'limpet_session_cache_invalidations_total',
    'counter',
    'Messages from Redis that a session has changed.',
    ({ sessionCache }) => sessionCache.invalidations,
  ),
];

function ofRouter(
  name: string,
  type: Type,
  help: string,
  value: (status: RouterStatus) => number,
): MetricFamily {
  return { name, help, type, samples: (status) => [{ labels: {}, value: value(status) }] };
}

function ofSlot(name: string, type: Type, help: string, value: (slot: SlotStatus) => number): MetricFamily {
  const sample = (slot: SlotStatus) => ({ labels: { slot: slot.slot }, value: value(slot) });
  return { name, help, type, samples: ({ slots }) => slots.map(sample) };
}

function bySlot(
  name: string,
  key: string,
  help: string,
  counts: (slot: SlotStatus) => Readonly<Record<string, number>>,
): MetricFamily {
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
