import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import type { Router } from '../../src/cluster/primary/router.js';
import type { RouterStatus, SlotStatus } from '../../src/cluster/primary/status.js';
import { ListeningSockets } from '../../src/handoff/listening-sockets.js';
import { metricFamilies } from '../../src/watch/metric-families.js';
import { routerMetrics, serveMetrics } from '../../src/watch/metrics.js';

const slot = (number: number, more: Partial<SlotStatus> = {}): SlotStatus => ({
  slot: number,
  pid: 100 + number,
  state: 'ready',
  reason: 'its servers are open',
  since: 0,
  uptimeMs: 1000,
  stalled: false,
  open: 3,
  lagMs: 20,
  rssBytes: 5_000_000,
  down: false,
  leaving: [],
  restarts: 0,
  restartsByCause: {},
  lastRestarts: [],
  share: 0.5,
  realShare: 0.25,
  accepted: 10,
  handed: 4,
  diverted: 1,
  latency: { counts: [1, 2, 0, 0, 0, 0, 0, 1], sumMs: 2500 },
  missteered: 0,
  lost: 0,
  queued: 0,
  refused: {},
  starved: 0,
  sessionCache: { hits: 0, misses: 0, invalidations: 0 },
  ...more,
});

const status = (...slots: SlotStatus[]): RouterStatus => ({
  pid: 1,
  name: undefined,
  state: 'serving',
  uptimeMs: 5000,
  affinity: 'address',
  handoff: { name: 'fd', reason: 'the first choice' },
  binding: { kind: 'native', reason: 'found and loaded' },
  ring: { buckets: 1024, slots: slots.length },
  listeners: [],
  slots,
  unplaced: { 'head-timeout': 2 },
  lost: 0,
});

/** A router that has a status and nothing else. */
class FakeRouter extends EventEmitter {
  readonly sockets = new ListeningSockets();
  now: RouterStatus = status(slot(0), slot(1));
  statusCalls = 0;
  status(): RouterStatus {
    this.statusCalls += 1;
    return this.now;
  }
}

describe('routerMetrics()', () => {
  it('returns every count of every slot, and calls status() once', async () => {
    const router = new FakeRouter();
    const refused = { 'queue full': 4, 'a "strange"\nreason': 1 };
    router.now = status(
      slot(0, {
        refused,
        restartsByCause: { signal: 2, reload: 1 },
        sessionCache: { hits: 9, misses: 3, invalidations: 1 },
      }),
      slot(1, { state: 'gone', down: true, leaving: [slot(1, { open: 4 })], missteered: 7 }),
    );
    const lines = (await routerMetrics(router).metrics()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'limpet_info{handoff="fd",affinity="address",binding="native"} 1',
        'limpet_up 1',
        'limpet_unplaced_total{reason="head-timeout"} 2',
        'limpet_slot_accepted_total{slot="0"} 10',
        'limpet_slot_open{slot="0"} 3',
        'limpet_slot_open{slot="1"} 7',
        'limpet_slot_handed_total{slot="0"} 4',
        'limpet_slot_refused_total{slot="0",reason="queue full"} 4',
        'limpet_slot_refused_total{slot="0",reason="a \\"strange\\"\\nreason"} 1',
        'limpet_slot_missteered_total{slot="1"} 7',
        'limpet_slot_restarts_total{slot="0",reason="signal"} 2',
        'limpet_slot_restarts_total{slot="0",reason="reload"} 1',
        'limpet_slot_state{slot="0",state="ready"} 1',
        'limpet_slot_state{slot="1",state="ready"} 0',
        'limpet_slot_state{slot="1",state="gone"} 1',
        'limpet_slot_down{slot="1"} 1',
        'limpet_slot_event_loop_lag_seconds{slot="0"} 0.02',
        'limpet_slot_resident_memory_bytes{slot="0"} 5000000',
        'limpet_slot_ring_share{slot="0"} 0.5',
        'limpet_slot_real_share{slot="0"} 0.25',
        'limpet_session_cache_hits_total{slot="0"} 9',
        '# TYPE limpet_handoff_seconds histogram',
        'limpet_handoff_seconds_bucket{slot="0",le="0.0001"} 1',
        'limpet_handoff_seconds_bucket{slot="0",le="0.0003"} 3',
        'limpet_handoff_seconds_bucket{slot="0",le="1"} 3',
        'limpet_handoff_seconds_bucket{slot="0",le="+Inf"} 4',
        'limpet_handoff_seconds_sum{slot="0"} 2.5',
        'limpet_handoff_seconds_count{slot="0"} 4',
      ]),
    );
    const names = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
    expect(new Set(names).size).toBe(names.length);
    expect(router.statusCalls).toBe(1);
  });

  it('reads the status again for each scrape, and can be merged with the metrics of an app', async () => {
    const router = new FakeRouter();
    const own = new Registry();
    new Counter({ name: 'orders_total', help: 'Orders.', registers: [own] }).inc(5);
    const merged = Registry.merge([own, routerMetrics(router)]);
    expect(await merged.metrics()).toMatch(
      /^orders_total 5$[\s\S]*^limpet_slot_accepted_total\{slot="0"\} 10$/m,
    );
    router.now = status(slot(0, { accepted: 11 }));
    expect(await merged.metrics()).toMatch(/^limpet_slot_accepted_total\{slot="0"\} 11$/m);
    expect(await merged.metrics()).not.toMatch(/slot="1"/);
  });
});

describe('serveMetrics()', () => {
  const router = new FakeRouter();
  afterEach(() => router.emit('closed'));
  const serve = (port = 0) => serveMetrics(router as unknown as Router, { port });

  it('answers only GET /metrics, until the router is closed', async () => {
    const { address } = await serve();
    expect(address.address).toBe('127.0.0.1');
    const url = `http://127.0.0.1:${address.port}`;
    const answer = await fetch(`${url}/metrics?x=1`);
    expect(answer.headers.get('content-type')).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
    expect(await answer.text()).toContain('limpet_slot_open{slot="1"} 3');
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}//`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
    router.emit('closed');
    await expect(fetch(`${url}/metrics`)).rejects.toThrow();
  });

  it('rejects with ERR_LIMPET_ADDRESS_IN_USE if the port is in use', async () => {
    const { address } = await serve();
    await expect(serve(address.port)).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
  });
});

it('the Grafana dashboard queries existing metrics only, and more than half of them', () => {
  const file = new URL('../../examples/grafana/limpet.json', import.meta.url);
  const { panels } = JSON.parse(readFileSync(file, 'utf8')) as { panels: { targets?: { expr: string }[] }[] };
  const queried = panels.flatMap(({ targets = [] }) =>
    targets.flatMap(({ expr }) => expr.match(/\blimpet_\w+/g) ?? []),
  );
  const known = metricFamilies.map(({ name }) => name);
  expect(queried.map((name) => name.replace(/_bucket$/, '')).filter((name) => !known.includes(name))).toEqual(
    [],
  );
  expect(new Set(queried).size).toBeGreaterThan(known.length / 2);
});
