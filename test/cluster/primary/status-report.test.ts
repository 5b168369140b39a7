import { afterEach, describe, expect, it, vi } from 'vitest';
import { bindingReport } from '../../../src/binding/native.ts';
import { Counters } from '../../../src/cluster/primary/counters.ts';
import type { Listener } from '../../../src/cluster/primary/listeners/listener.ts';
import { type ReportedParts, reportRing, reportStatus } from '../../../src/cluster/primary/status-report.ts';
import type { AcceptorCounts } from '../../../src/handoff/acceptor-counters.ts';
import { latencyBoundsMs, noLatencies } from '../../../src/handoff/latencies.ts';
import { checkRouterOptions, type RouterOptions } from '../../../src/options.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';

const ringOf = (slots: number) => new SlotRing({ slots, buckets: 256, key: new Uint8Array(8) });
const address = (port: number) => ({ address: '127.0.0.1', family: 'IPv4', port }) as const;

function listener(name: 'kernel' | 'fd' | 'ipc', of: object = {}): Listener {
  const choice = { name, reason: 'the first choice' };
  return { choice, bound: address(80), direct: undefined, handoff: { queued: () => 0 }, ...of } as never;
}

function worker(index: number, of: object = {}) {
  return {
    index,
    pid: 1000 + index,
    stalled: false,
    vitals: undefined,
    lifecycle: { state: 'ready', reason: 'its servers are open', since: 5000, startedAt: 4000 },
    ...of,
  };
}

function slot(number: number, of: object = {}) {
  return {
    number,
    current: undefined,
    leaving: new Set(),
    retired: false,
    backoff: { count: 0, byCause: {}, restarts: [] },
    ...of,
  };
}

function counted(of: Partial<AcceptorCounts>): AcceptorCounts {
  return {
    accepted: 0,
    open: 0,
    handed: 0,
    diverted: 0,
    queued: 0,
    refused: {},
    missteered: 0,
    lost: 0,
    starved: 0,
    latency: noLatencies(),
    ...of,
  };
}

interface Given {
  readonly slots?: object[];
  readonly ring?: SlotRing;
  readonly listeners?: Listener[];
  /** The counts of the acceptor, by slot. */
  readonly native?: (AcceptorCounts | undefined)[];
  readonly openIn?: (index: number) => number | undefined;
  readonly options?: RouterOptions;
}

function reported({ slots = [slot(0)], listeners = [listener('fd')], native = [], ...given }: Given = {}) {
  const counters = new Counters();
  const parts = {
    state: { phase: 'serving', startedAt: 3000 },
    ring: given.ring ?? ringOf(slots.length),
    counters,
    handoffs: {
      counts: (number: number) => native[number],
      openIn: given.openIn ?? (() => undefined),
      rejectedBeforeRouting: () => ({ silent: 3 }),
    },
    listeners,
    pool: { supervisor: { slots } },
  } as unknown as ReportedParts;
  const options = checkRouterOptions({ affinity: 'cookie', buckets: 256, ...given.options });
  return { counters, report: () => reportStatus(options, parts) };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the status of a router', () => {
  it('has its process, state, options and ring', () => {
    vi.useFakeTimers({ now: 10_000 });
    expect(
      reported({ options: { name: 'shop', healthPath: '/health' }, slots: [], ring: ringOf(2) }).report(),
    ).toEqual({
      pid: process.pid,
      name: 'shop',
      state: 'serving',
      uptimeMs: 7000,
      affinity: 'cookie, address',
      handoff: { name: 'fd', reason: 'the first choice' },
      binding: bindingReport(),
      ring: { buckets: 256, slots: 2 },
      listeners: [{ address: address(80), handoff: { name: 'fd', reason: 'the first choice' } }],
      healthPath: '/health',
      slots: [],
      unplaced: { silent: 3 },
      lost: 0,
    });
  });

  it('has no handoff without a listener, and no health path without the option', () => {
    const status = reported({ listeners: [] }).report();
    expect(status.handoff).toBeUndefined();
    expect(status.listeners).toEqual([]);
    expect(status).not.toHaveProperty('healthPath');
  });

  it('has the listeners in their order, with their direct ports', () => {
    const direct = listener('fd', { bound: address(9000) });
    const { listeners } = reported({
      listeners: [listener('kernel', { direct }), listener('ipc', { bound: undefined })],
    }).report();
    expect(listeners).toEqual([
      {
        address: address(80),
        handoff: { name: 'kernel', reason: 'the first choice' },
        direct: { address: address(9000), handoff: { name: 'fd', reason: 'the first choice' } },
      },
      { address: undefined, handoff: { name: 'ipc', reason: 'the first choice' } },
    ]);
    expect(listeners[1]).not.toHaveProperty('direct');
  });

  it('has the lost connections of all slots, those taken away included', () => {
    const status = reported({
      slots: [slot(0), slot(1, { retired: true })],
      ring: ringOf(1),
      native: [counted({ lost: 2 }), counted({ lost: 5 })],
    }).report();
    expect(status.lost).toBe(7);
    expect(status.slots.map(({ lost }) => lost)).toEqual([2]);
  });
});

describe('the status of a slot', () => {
  it('has nothing but zeros if nothing has happened', () => {
    const { slots } = reported({ slots: [slot(0), slot(1)] }).report();
    expect(slots[1]).toEqual({
      slot: 1,
      pid: undefined,
      state: 'gone',
      reason: 'no process is in the slot',
      since: 0,
      uptimeMs: 0,
      stalled: false,
      open: 0,
      lagMs: 0,
      rssBytes: 0,
      down: false,
      leaving: [],
      restarts: 0,
      restartsByCause: {},
      lastRestarts: [],
      share: 0.5,
      realShare: 0,
      accepted: 0,
      handed: 0,
      diverted: 0,
      missteered: 0,
      lost: 0,
      queued: 0,
      refused: {},
      starved: 0,
      latency: noLatencies(),
      sessionCache: { hits: 0, misses: 0, invalidations: 0 },
    });
  });

  it('adds what the acceptor has counted to what the primary has', () => {
    const latency = noLatencies();
    latency.counts[0] = 2;
    latency.sumMs = 1.5;
    const { counters, report } = reported({
      slots: [slot(0), slot(1)],
      native: [
        counted({
          accepted: 7,
          handed: 6,
          diverted: 2,
          missteered: 4,
          lost: 3,
          starved: 5,
          refused: { closing: 1, 'queue full': 2 },
          latency,
        }),
      ],
    });
    counters.handed(0, 0);
    counters.handed(0, 1);
    counters.handed(1, 1);
    counters.refused(0, 'queue full');
    counters.taken(0, (latencyBoundsMs[0] as number) / 2);
    counters.beat(
      { slot: 0, vitals: undefined },
      { open: 1, lagMs: 0, rssBytes: 0, sessionCache: { hits: 1, misses: 2, invalidations: 3 } },
    );
    const [zero, one] = report().slots;
    expect(zero).toMatchObject({
      accepted: 9,
      handed: 8,
      diverted: 3,
      missteered: 4,
      lost: 3,
      starved: 5,
      refused: { closing: 1, 'queue full': 3 },
      realShare: 0.9,
      sessionCache: { hits: 1, misses: 2, invalidations: 3 },
    });
    expect(zero?.latency.counts[0]).toBe(3);
    expect(zero?.latency.sumMs).toBe(1.5 + (latencyBoundsMs[0] as number) / 2);
    expect(latency.counts[0]).toBe(2);
    expect(one).toMatchObject({ accepted: 1, handed: 1, diverted: 0, realShare: 0.1 });
  });

  it('counts what waits for it at every listener, direct ports included', () => {
    const waiting = (count: number) => ({ handoff: { queued: (number: number) => count * (number + 1) } });
    const direct = listener('fd', waiting(10));
    const { slots } = reported({
      slots: [slot(0), slot(1)],
      listeners: [listener('fd', { ...waiting(1), direct }), listener('ipc', waiting(100))],
    }).report();
    expect(slots.map(({ queued }) => queued)).toEqual([111, 222]);
  });

  it('has its restarts, in copies', () => {
    const restarts = [{ at: 1, pid: 2, reason: 'killed by SIGKILL', cause: 'signal' }];
    const backoff = { count: 4, byCause: { signal: 4, reload: 2 }, restarts };
    const [status] = reported({ slots: [slot(0, { backoff })] }).report().slots;
    expect(status).toMatchObject({
      restarts: 4,
      restartsByCause: { signal: 4, reload: 2 },
      lastRestarts: restarts,
    });
    expect(status?.lastRestarts).not.toBe(restarts);
    expect(status?.restartsByCause).not.toBe(backoff.byCause);
  });

  it('is down if the ring says so, or if the ring does not have it yet', () => {
    const ring = ringOf(2);
    ring.down(1);
    const { slots } = reported({ ring, slots: [slot(0), slot(1), slot(2)] }).report();
    expect(slots.map(({ down }) => down)).toEqual([false, true, true]);
    expect(slots.map(({ share }) => share)).toEqual([0.5, 0.5, 0]);
  });

  it('that was taken away is listed while processes drain from it', () => {
    const { slots } = reported({
      ring: ringOf(1),
      slots: [slot(0), slot(1, { retired: true, leaving: new Set([worker(4)]) }), slot(2, { retired: true })],
    }).report();
    expect(slots.map((each) => each.slot)).toEqual([0, 1]);
    expect(slots[1]?.leaving.map(({ pid }) => pid)).toEqual([1004]);
  });
});

describe('the status of a process', () => {
  const vitals = {
    open: 9,
    lagMs: 3,
    rssBytes: 4096,
    sessionCache: { hits: 0, misses: 0, invalidations: 0 },
  };

  it('has its state, and its last vitals', () => {
    vi.useFakeTimers({ now: 10_000 });
    const current = worker(7, { vitals, stalled: true });
    const [status] = reported({ slots: [slot(0, { current })] }).report().slots;
    expect(status).toMatchObject({
      pid: 1007,
      state: 'ready',
      reason: 'its servers are open',
      since: 5000,
      uptimeMs: 6000,
      stalled: true,
      open: 9,
      lagMs: 3,
      rssBytes: 4096,
    });
  });

  it.each([
    ['fd', 'kernel', 2],
    ['fd', 'ipc', 9],
    ['ipc', 'ipc', 9],
  ] as const)('by %s and %s has %d open connections', (first, second, open) => {
    const leaving = new Set([worker(8, { vitals })]);
    const [status] = reported({
      slots: [slot(0, { current: worker(7, { vitals }), leaving })],
      listeners: [listener(first), listener(second)],
      openIn: (index) => (index === 7 || index === 8 ? 2 : undefined),
    }).report().slots;
    expect(status?.open).toBe(open);
    expect(status?.leaving[0]?.open).toBe(open);
  });

  it('has the count of its vitals if the acceptor does not know it yet', () => {
    const [status] = reported({ slots: [slot(0, { current: worker(7, { vitals }) })] }).report().slots;
    expect(status?.open).toBe(9);
  });
});

describe('the ring, bucket by bucket', () => {
  it('has a home and an owner for each bucket', () => {
    const ring = ringOf(2);
    expect(reportRing(ring)).toEqual({
      slots: 2,
      homes: [...ring.homeTable()],
      owners: [...ring.homeTable()],
      down: [],
    });
  });

  it('has the fallback as the owner if the home is down, and -1 if every slot is', () => {
    const ring = ringOf(2);
    ring.down(0);
    const half = reportRing(ring);
    expect(half.down).toEqual([0]);
    expect(new Set(half.owners)).toEqual(new Set([1]));
    expect(new Set(half.homes)).toEqual(new Set([0, 1]));
    ring.down(1);
    const none = reportRing(ring);
    expect(none.down).toEqual([0, 1]);
    expect(new Set(none.owners)).toEqual(new Set([-1]));
  });
});
