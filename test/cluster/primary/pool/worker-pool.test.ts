import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Counters } from '../../../../src/cluster/primary/counters.ts';
import type { Listener } from '../../../../src/cluster/primary/listeners/listener.ts';
import { WorkerPool } from '../../../../src/cluster/primary/pool/worker-pool.ts';
import type { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import { RouterState } from '../../../../src/cluster/primary/router-state.ts';
import type { LimpetError } from '../../../../src/errors.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';
import { SlotRing } from '../../../../src/ring/slot-ring.ts';
import { asWorker, FakeChild, settle } from './fakes.ts';

/** Every process that was forked. The process `n` has the pid 100 + n. */
let children: FakeChild[] = [];
/** The slot, the worker index and the descriptors of each fork. */
let forks: [number, number, readonly number[]][] = [];

vi.mock('../../../../src/cluster/primary/pool/fork.ts', () => ({
  forkWorker: (_options: unknown, slot: number, index: number, inherit: readonly number[]) => {
    const child = new FakeChild(100 + children.length);
    children.push(child);
    forks.push([slot, index, inherit]);
    return asWorker(child);
  },
}));

beforeEach(() => {
  vi.useFakeTimers();
  children = [];
  forks = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Admits each worker at once, as a router does that replaces no other primary. */
const noUpgrade = {
  oldPrimaryServes: false,
  admit: <W>(worker: W): readonly W[] => [worker],
  takeOver: async () => {},
};

/** A pool of a router with one declared listener, 0. `log` has events and calls, in order. */
function poolOf(
  workers: number,
  {
    options = {},
    forwardsRequests = false,
    upgrade = noUpgrade,
  }: { options?: RouterOptions; forwardsRequests?: boolean; upgrade?: typeof noUpgrade } = {},
) {
  const log: unknown[][] = [];
  const ring = new SlotRing({ slots: workers, key: Buffer.from('limpets!') });
  const state = new RouterState();
  const listener = {
    id: 0,
    key: 'declared',
    declared: true,
    attach: ({ pid }: WorkerProcess) => log.push(['attach', pid]),
    reattach: () => {},
    detach: () => {},
    handoff: { updateRing: () => {} },
  } as unknown as Listener;
  const errors: LimpetError[] = [];
  const emit = (...event: unknown[]) => log.push(event) > 0;
  const pool = new WorkerPool(
    { emit },
    {
      options: checkRouterOptions({ workers, respawnGraceMs: 3000, ...options }),
      ring,
      affinity: { forwardsRequests },
      counters: new Counters(),
      handoffs: { inheritedDescriptors: (slot) => [slot + 20] },
      listeners: {
        *all() {
          yield listener;
        },
        ask: (worker, message) => log.push(['ask', (worker as WorkerProcess).pid, message]),
        received: (worker, message, handle) =>
          log.push(['received', (worker as WorkerProcess).pid, message, handle]),
      },
      state,
      upgrade,
      fail: (error) => {
        log.push(['fail']);
        errors.push(error);
      },
      report: (error) => {
        log.push(['report']);
        errors.push(error);
      },
    },
  );
  const down = () => Array.from({ length: ring.size }, (_, slot) => slot).filter((slot) => ring.isDown(slot));
  const child = (n: number) => children[n] as FakeChild;
  /** The worker opens the declared listener. */
  const open = async (n: number) => {
    child(n).say({ type: 'open', listener: 0 });
    await settle();
  };
  /** All slots have a process that serves. */
  const serve = async () => {
    pool.supervisor.start(workers);
    for (let n = 0; n < workers; n++) await open(n);
    log.length = 0;
    for (const { process } of children) process.sent.length = 0;
  };
  return { pool, ring, state, log, errors, down, child, open, serve };
}

const types = (child: FakeChild) => child.sent.map(({ type }) => type);

describe('the first process that has opened all listeners', () => {
  it('gets its slot, and the router serves', async () => {
    const { pool, state, log, child, open } = poolOf(2);
    pool.supervisor.start(2);
    expect(log).toEqual([
      ['starting', 0, 100],
      ['starting', 1, 101],
    ]);
    await open(1);
    expect(log.slice(2)).toEqual([['attach', 101], ['ready', 1, 101], ['serving']]);
    expect([state.phase, types(child(1)), types(child(0))]).toEqual(['serving', ['assigned'], []]);
    await expect(state.started).resolves.toBeUndefined();
    expect(pool.supervisor.slots[1]?.current?.lifecycle.reason).toBe('its servers are open');
  });

  it('makes the others slow: their slots are down after respawnGraceMs', async () => {
    const { pool, open, down } = poolOf(3);
    pool.supervisor.start(3);
    await open(1);
    await vi.advanceTimersByTimeAsync(2000);
    await open(2);
    await vi.advanceTimersByTimeAsync(999);
    expect(down()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(down()).toEqual([0]);
    await open(0);
    expect(down()).toEqual([]);
  });

  it('begins the grace of a slot that waits for its next process, too', async () => {
    const { pool, child, open, down, errors } = poolOf(2);
    pool.supervisor.start(2);
    for (const n of [1, 2]) child(n).end(4);
    expect(pool.supervisor.slots[1]?.current).toBeUndefined();
    await open(0);
    await vi.advanceTimersByTimeAsync(3000);
    expect([down(), errors]).toEqual([[1], []]);
  });

  it('is followed by others, and the router is serving only once', async () => {
    const { pool, log, open } = poolOf(2);
    pool.supervisor.start(2);
    await open(0);
    await open(1);
    expect(log.map(([event]) => event)).toEqual([
      'starting',
      'starting',
      'attach',
      'ready',
      'serving',
      'attach',
      'ready',
    ]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('is ready once, although it opens further listeners', async () => {
    const { pool, log, child, open } = poolOf(1);
    pool.supervisor.start(1);
    await open(0);
    log.length = 0;
    child(0).say({ type: 'open', listener: 3 });
    await settle();
    expect(log).toEqual([['attach', 100]]);
    expect(types(child(0))).toEqual(['assigned', 'assigned']);
  });
});

it('a process that has not opened all listeners is not admitted', async () => {
  const { pool, log, child } = poolOf(1);
  pool.supervisor.start(1);
  child(0).say({ type: 'open', listener: 3 });
  await settle();
  expect([log, types(child(0))]).toEqual([[['starting', 0, 100]], []]);
});

it('a process that ends while it is assigned is not ready', async () => {
  const { pool, log, child, open, serve } = poolOf(1);
  await serve();
  pool.supervisor.replace(0).catch(() => {});
  await open(1);
  expect(types(child(0))).toEqual(['stop']);
  child(1).end(4);
  child(0).say({ type: 'stopped' });
  await settle();
  expect(log).toEqual([
    ['starting', 0, 101],
    ['gone', 0, 101, 'exited with code 4'],
  ]);
  expect(types(child(0))).toEqual(['stop', 'resume']);
});

it('a process that is ready while the router closes gets a notice', async () => {
  const { pool, state, log, child, open } = poolOf(1);
  pool.supervisor.start(1);
  state.phase = 'closing';
  await open(0);
  expect(types(child(0))).toEqual(['assigned', 'notice']);
  expect(log.at(-1)).toEqual(['ready', 0, 100]);
  expect(state.phase).toBe('closing');
});

describe('a message of a worker', () => {
  it('listen goes to the listeners', async () => {
    const { serve, log, child } = poolOf(1);
    await serve();
    const address = { path: '/run/app.sock', backlog: 511 };
    const message = { type: 'listen', key: 'own', address, server: { kind: 'node', tls: false } } as const;
    child(0).say(message);
    expect(log).toEqual([['ask', 100, message]]);
  });

  it('handoff goes to the listeners, with its handle', async () => {
    const { serve, log, child } = poolOf(1);
    await serve();
    const handle = { fd: 7, close: () => {} };
    child(0).say({ type: 'handoff', listener: 0, body: { took: 1 } }, handle);
    const message = { type: 'handoff', listener: 0, body: { took: 1 } };
    expect(log).toEqual([['received', 100, message, handle]]);
  });

  it('beat goes to the counters', async () => {
    const { serve, pool, child } = poolOf(1);
    await serve();
    const sessionCache = { hits: 1, misses: 2, invalidations: 3 };
    const vitals = { open: 5, lagMs: 6, rssBytes: 7, sessionCache };
    child(0).say({ type: 'beat', debugger: false, ...vitals });
    expect(pool.supervisor.slots[0]?.current?.vitals).toEqual(vitals);
  });
});

describe('the events of a process', () => {
  it('tell that it drains and that it is gone, with the reason', async () => {
    const { serve, log, child } = poolOf(1);
    await serve();
    child(0).say({ type: 'leaving', reason: 'its server was closed' });
    child(0).end(0);
    expect(log).toEqual([
      ['draining', 0, 100, 'its server was closed'],
      ['starting', 0, 101],
      ['gone', 0, 100, 'exited with code 0'],
    ]);
  });

  it('tell that it is stalled, and its slot is down until it is back', async () => {
    const { serve, log, child, down } = poolOf(2, { options: { stallTimeoutMs: 400 } });
    await serve();
    vi.advanceTimersByTime(300);
    child(0).say({ type: 'stopped' });
    vi.advanceTimersByTime(200);
    expect([log, down()]).toEqual([[['stalled', 1, 101, true]], [1]]);
    child(1).say({ type: 'stopped' });
    expect([log.slice(1), down()]).toEqual([[['stalled', 1, 101, false]], []]);
  });

  it('tell that a draining process is back. Its slot stays as the next process left it', async () => {
    const { pool, serve, log, child, open, down } = poolOf(1, { options: { stallTimeoutMs: 400 } });
    await serve();
    vi.advanceTimersByTime(401);
    pool.supervisor.replace(0);
    await open(1);
    // The old process is blocked: it does not answer `stop` for 2 s.
    await vi.advanceTimersByTimeAsync(2000);
    expect(down()).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(down()).toEqual([0]);
    child(0).say({ type: 'stopped' });
    expect([log.at(-1), down()]).toEqual([['stalled', 0, 100, false], [0]]);
  });
});

it('a process that dies leaves its slot to the next one for respawnGraceMs, then to fallbacks', async () => {
  const { serve, child, open, down } = poolOf(2);
  await serve();
  child(1).end(null, 'SIGKILL');
  await vi.advanceTimersByTimeAsync(2999);
  expect(down()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(down()).toEqual([1]);
  await open(2);
  expect(down()).toEqual([]);
});

it('a crash loop is reported, and a failed start ends the router', async () => {
  const { pool, child, errors, log, serve } = poolOf(1);
  await serve();
  for (let n = 0; n < 8; n++) {
    child(n).end(1);
    vi.advanceTimersByTime(10_000);
  }
  expect(errors).toMatchObject([{ code: 'ERR_LIMPET_WORKER_START' }]);
  expect(errors[0]?.message).toMatch('keep ending within a minute');
  expect(log.filter(([event]) => event === 'report')).toHaveLength(1);
  pool.supervisor.kill('the end of the test');

  const start = poolOf(1);
  children = [];
  start.pool.supervisor.start(1);
  for (let n = 0; n < 3; n++) {
    start.child(n).end(4);
    vi.advanceTimersByTime(100);
  }
  expect(start.errors).toMatchObject([{ message: expect.stringMatching(/^no worker became ready/) }]);
  expect(start.log.at(-1)).toEqual(['fail']);
});

describe('the process of a slot', () => {
  it('is forked with the descriptors of its slot', () => {
    const { pool } = poolOf(2);
    pool.supervisor.start(2);
    expect(forks).toEqual([
      [0, 0, [20]],
      [1, 1, [21]],
    ]);
  });

  it('has one of 576 worker indexes: two for each of 256 slots, and 64', () => {
    const { pool } = poolOf(1);
    pool.supervisor.start(576);
    expect(children).toHaveLength(576);
    pool.supervisor.start(577);
    expect(children).toHaveLength(576);
    expect(pool.supervisor.slots[576]?.backoff.restarts[0]).toMatchObject({
      reason: 'too many processes are still draining',
      cause: 'not forked',
    });
    pool.supervisor.kill('the end of the test');
  });
});

describe('the peers', () => {
  const tables = (child: FakeChild) =>
    child.sent.flatMap((message) => (message.type === 'peers' ? [message.table] : []));

  it('are sent to all processes when one is assigned', async () => {
    const { pool, child, open } = poolOf(2, { forwardsRequests: true });
    pool.supervisor.start(2);
    await open(1);
    const table = { slots: 2, down: [], processes: [{ slot: 1, workerIndex: 1, attached: true }] };
    expect([tables(child(0)), tables(child(1))]).toEqual([[table], [table]]);
    // It knows that it serves before it is told of the others.
    expect(types(child(1))).toEqual(['assigned', 'peers']);
  });

  it('have those that drain, and the slots that are down', async () => {
    const { child, serve } = poolOf(2, { forwardsRequests: true });
    await serve();
    child(1).say({ type: 'leaving', reason: 'SIGTERM' });
    expect(tables(child(0)).at(-1)).toEqual({
      slots: 2,
      down: [],
      processes: [
        { slot: 0, workerIndex: 0, attached: true },
        { slot: 1, workerIndex: 1, attached: false },
      ],
    });
    await vi.advanceTimersByTimeAsync(3000);
    expect(tables(child(0)).at(-1)?.down).toEqual([1]);
    expect(tables(child(1)).at(-1)?.down).toEqual([1]);
  });

  it('are not sent if no request is ever forwarded', async () => {
    const { child, serve, open } = poolOf(2);
    await serve();
    child(1).end(1);
    await open(2);
    expect(types(child(0))).toEqual([]);
  });

  it.each(['closing', 'closed'] as const)('are not sent any more while the router is %s', async (phase) => {
    const { child, serve, state } = poolOf(2, { forwardsRequests: true });
    await serve();
    state.phase = phase;
    child(1).end(1);
    expect(types(child(0))).toEqual([]);
  });
});

describe('a new primary', () => {
  /** Admits the workers when both are complete, as the upgrade of a router of two slots does. */
  function upgradeOfTwo() {
    const complete: unknown[] = [];
    const upgrade = {
      oldPrimaryServes: true,
      inSlots: [] as unknown[][],
      admit: <W>(worker: W, inSlots?: readonly unknown[]): readonly W[] => {
        complete.push(worker);
        upgrade.inSlots.push([...(inSlots ?? [])]);
        if (complete.length < 2) return [];
        upgrade.oldPrimaryServes = false;
        return complete as W[];
      },
      timesServing: 0,
      oldLeft: () => {},
      takeOver: (): Promise<void> => {
        upgrade.timesServing += 1;
        return new Promise((resolve) => {
          upgrade.oldLeft = resolve;
        });
      },
    };
    return upgrade;
  }

  it('gives the workers their slots when all are complete, and serves when the old one has left', async () => {
    const upgrade = upgradeOfTwo();
    const { pool, log, open, state } = poolOf(2, { upgrade });
    pool.supervisor.start(2);
    log.length = 0;
    await open(1);
    expect([log, state.phase, upgrade.timesServing]).toEqual([[], 'starting', 0]);
    await open(0);
    expect(log).toEqual([
      ['attach', 101],
      ['ready', 1, 101],
      ['attach', 100],
      ['ready', 0, 100],
    ]);
    upgrade.oldLeft();
    await settle();
    expect([log.at(-1), upgrade.timesServing]).toEqual([['serving'], 1]);
  });

  it('passes to the upgrade the process of each slot that is not taken away', async () => {
    const upgrade = upgradeOfTwo();
    const { pool, open } = poolOf(2, { upgrade });
    pool.supervisor.start(3);
    pool.supervisor.retire(2);
    await open(0);
    expect(upgrade.inSlots.map((workers) => workers.map((worker) => (worker as WorkerProcess).pid))).toEqual([
      [100, 101],
    ]);
  });

  it('fails if a worker ends before all are complete', async () => {
    const upgrade = upgradeOfTwo();
    const { pool, errors, child, open } = poolOf(2, { upgrade });
    pool.supervisor.start(2);
    await open(0);
    child(1).end(4);
    expect(errors).toMatchObject([
      { code: 'ERR_LIMPET_WORKER_START', facts: { slot: 1, reason: 'exited with code 4' } },
    ]);
  });

  it('does not fail because a worker drains, or ends while the router closes', () => {
    const upgrade = upgradeOfTwo();
    const { pool, errors, child, state } = poolOf(2, { upgrade });
    pool.supervisor.start(2);
    child(0).say({ type: 'leaving', reason: 'SIGTERM' });
    expect(errors).toEqual([]);
    state.phase = 'closing';
    child(1).end(4);
    expect(errors).toEqual([]);
  });

  it('does not fail any more when all were complete', async () => {
    const { errors, child, open, pool } = poolOf(2, { upgrade: upgradeOfTwo() });
    pool.supervisor.start(2);
    await open(0);
    await open(1);
    child(1).end(4);
    expect(errors).toEqual([]);
  });

  it('fails if the handover fails', async () => {
    const error = new Error('the pipe is closed') as LimpetError;
    const upgrade = { ...noUpgrade, takeOver: () => Promise.reject(error) };
    const { pool, errors, open, log } = poolOf(1, { upgrade });
    pool.supervisor.start(1);
    await open(0);
    expect(errors).toEqual([error]);
    expect(log.at(-1)).toEqual(['fail']);
  });
});
