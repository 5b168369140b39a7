import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { forkWorker } from '../../../../src/cluster/primary/pool/fork.ts';
import { Supervisor } from '../../../../src/cluster/primary/pool/supervisor.ts';
import type { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import { WorkerSpawner } from '../../../../src/cluster/primary/pool/worker-spawner.ts';
import type { RawHandle } from '../../../../src/connection.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';
import { asWorker, FakeChild, settle } from './fakes.ts';

const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A supervisor of processes that are fakes. `log` has what it reported, in order. The process `n` has the pid 100 + n. */
function supervise(options: RouterOptions = {}, indexes = 20) {
  const checked = checkRouterOptions({ drainTimeoutMs: 5000, ...options });
  const children: FakeChild[] = [];
  const fork = vi.fn<typeof forkWorker>(() => {
    const child = new FakeChild(100 + children.length);
    children.push(child);
    return asWorker(child);
  });
  const log: string[] = [];
  const errors: Error[] = [];
  const supervisor = new Supervisor(checked, new WorkerSpawner(checked, indexes, () => [], fork), {
    message: ({ pid }, { type }, handle) => log.push(`${pid} says ${type} ${handle?.fd ?? ''}`.trim()),
    left: ({ pid }, gone) => log.push(`${pid} left${gone ? ', gone' : ''}`),
    stalled: ({ pid }, stalled) => log.push(`${pid} stalled: ${stalled}`),
    beat: ({ pid }, { open }) => log.push(`${pid} has ${open} open`),
    changed: ({ slot, pid, lifecycle: { state, reason } }) =>
      log.push(`${pid} in ${slot} ${state}: ${reason}`),
    crashLoop: (error) => errors.push(error),
    neverStarted: (error) => {
      log.push('never started');
      errors.push(error);
    },
  });
  const child = (n: number) => children[n] as FakeChild;
  const workerOf = (n: number) =>
    [...supervisor.workers()].find(({ pid }) => pid === 100 + n) as WorkerProcess;
  const ready = (n: number) => supervisor.markReady(workerOf(n), 'its servers are open');
  /** Starts `count` slots, each with a process that is ready. */
  const serve = (count: number) => {
    supervisor.start(count);
    for (let n = 0; n < count; n++) ready(n);
    log.length = 0;
  };
  const pids = () => supervisor.slots.map(({ current }) => current?.pid);
  return { supervisor, children, child, fork, log, errors, workerOf, ready, serve, pids };
}

/** The outcome of a promise: undefined while it is pending. */
function outcomeOf(promise: Promise<void>): { value?: unknown } {
  const outcome: { value?: unknown } = {};
  promise.then(
    () => {
      outcome.value = 'done';
    },
    (error) => {
      outcome.value = error;
    },
  );
  return outcome;
}

describe('start()', () => {
  it('forks a process for each slot before it returns', () => {
    const { supervisor, log, fork, pids } = supervise();
    supervisor.start(2);
    expect(log).toEqual(['100 in 0 starting: forked', '101 in 1 starting: forked']);
    expect(fork.mock.calls.map(([, slot, index]) => [slot, index])).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(pids()).toEqual([100, 101]);
    expect(supervisor.slots.map(({ number }) => number)).toEqual([0, 1]);
  });

  it('forks for new slots only the second time', () => {
    const { supervisor, serve, log } = supervise();
    serve(2);
    supervisor.start(3);
    expect(log).toEqual(['102 in 2 starting: forked']);
  });

  it('does not fork for a slot that waits for its next process', () => {
    const { supervisor, child, children } = supervise();
    supervisor.start(1);
    child(0).end(1);
    child(1).end(1);
    expect(children).toHaveLength(2);
    supervisor.start(1);
    expect(children).toHaveLength(2);
    vi.advanceTimersByTime(100);
    expect(children).toHaveLength(3);
  });

  it('forks again for slots that were taken away', () => {
    const { supervisor, serve, child, pids } = supervise();
    serve(2);
    supervisor.retire(1);
    expect(supervisor.slots[1]).toMatchObject({ retired: true, current: undefined });
    supervisor.start(2);
    expect([supervisor.slots[1]?.retired, pids()]).toEqual([false, [100, 102]]);
    child(1).end(0);
    expect(pids()).toEqual([100, 102]);
  });
});

describe('a message of a worker', () => {
  it('is passed on with its handle', () => {
    const { serve, child, log } = supervise();
    serve(1);
    child(0).say({ type: 'open', listener: 1 });
    child(0).say({ type: 'handoff', listener: 1, body: {} }, { fd: 7, close: () => {} } satisfies RawHandle);
    child(0).say({ type: 'adopt' });
    expect(log).toEqual(['100 says open', '100 says handoff 7', '100 says adopt']);
  });

  it('beat reports the vitals', () => {
    const { serve, child, log } = supervise();
    serve(1);
    const sessionCache = { hits: 0, misses: 0, invalidations: 0 };
    child(0).say({ type: 'beat', debugger: false, open: 12, lagMs: 0, rssBytes: 0, sessionCache });
    expect(log).toEqual(['100 has 12 open']);
  });

  it('stopped ends the wait for it', async () => {
    const { serve, child, workerOf, log } = supervise();
    serve(1);
    const stopped = outcomeOf(workerOf(0).stopAccepting(2000));
    child(0).say({ type: 'stopped' });
    await settle();
    expect([stopped.value, log]).toEqual(['done', []]);
  });
});

describe('the liveness of a worker', () => {
  const sessionCache = { hits: 0, misses: 0, invalidations: 0 };
  const beat = { type: 'beat', open: 0, lagMs: 0, rssBytes: 0, sessionCache } as const;

  it('is that of its messages', () => {
    const { serve, child, log } = supervise({ stallTimeoutMs: 400 });
    serve(1);
    vi.advanceTimersByTime(401);
    expect(log).toEqual(['100 stalled: true']);
    child(0).say({ type: 'stopped' });
    expect(log).toEqual(['100 stalled: true', '100 stalled: false']);
  });

  it('is not checked while a debugger is attached', () => {
    const { serve, child, log } = supervise({ stallTimeoutMs: 400 });
    serve(1);
    child(0).say({ ...beat, debugger: true });
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual(['100 has 0 open']);
    child(0).say({ ...beat, debugger: false });
    vi.advanceTimersByTime(60_000);
    expect(log).toContain('100 stalled: true');
  });

  it('is not checked any more when the router closes', () => {
    const { supervisor, serve } = supervise();
    serve(1);
    supervisor.kill('closed');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a process that stays unready ends it, and the slot gets another one', () => {
    const { supervisor, child, log, pids } = supervise({ readyTimeoutMs: 2000, stallTimeoutMs: 400 });
    supervisor.start(1);
    vi.advanceTimersByTime(2001);
    expect(child(0).process.signals).toEqual(['SIGKILL']);
    child(0).end(null, 'SIGKILL');
    expect(log).toContain('100 in 0 gone: not ready within 2000 ms');
    expect(pids()).toEqual([101]);
    expect(supervisor.slots[0]?.backoff.byCause).toEqual({ 'not ready': 1 });
  });
});

describe('a process that dies', () => {
  it('is reported, then replaced in its slot at once', () => {
    const { supervisor, serve, child, log, pids } = supervise();
    serve(2);
    vi.setSystemTime(9000);
    child(1).end(null, 'SIGKILL');
    expect(log).toEqual(['101 in 1 gone: killed by SIGKILL', '101 left, gone', '102 in 1 starting: forked']);
    expect(pids()).toEqual([100, 102]);
    expect(supervisor.slots[1]?.backoff.restarts).toEqual([
      { at: 9000, pid: 101, reason: 'killed by SIGKILL', cause: 'signal' },
    ]);
  });

  it('is reported once, whatever comes after', () => {
    const { serve, child, log } = supervise();
    serve(1);
    child(0).end(1);
    log.length = 0;
    child(0).say({ type: 'leaving', reason: 'late' });
    child(0).emit('disconnect');
    vi.advanceTimersByTime(100);
    expect(log).toEqual([]);
  });

  it('gives its worker index to the next one', () => {
    const { serve, child, fork } = supervise();
    serve(2);
    child(0).end(1);
    expect(fork.mock.calls.at(-1)?.slice(1, 3)).toEqual([0, 0]);
  });

  it('again and again is replaced later and later, and reported as a crash loop once', () => {
    const { supervisor, serve, children, child, errors } = supervise();
    serve(1);
    const delays = [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];
    delays.forEach((delayMs, n) => {
      child(n).end(1);
      if (delayMs > 0) {
        vi.advanceTimersByTime(delayMs - 1);
        expect(children).toHaveLength(n + 1);
        vi.advanceTimersByTime(1);
      }
      expect(children).toHaveLength(n + 2);
    });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      code: 'ERR_LIMPET_WORKER_START',
      facts: { slot: 0, reason: 'exited with code 1' },
    });
    expect(errors[0]?.message).toMatch(/^slot 0: its workers keep ending within a minute/);
    expect(supervisor.slots[0]?.backoff.count).toBe(10);
  });

  it.each([hourMs, -hourMs])(
    'within a minute counts as such although the wall clock jumps by %i ms',
    (jumpMs) => {
      const { supervisor, serve, child } = supervise();
      serve(1);
      child(0).end(1);
      vi.setSystemTime(Date.now() + jumpMs);
      child(1).end(1);
      expect(supervisor.slots[0]?.backoff.shortLives).toBe(2);
    },
  );

  it('after a minute begins a new row although the wall clock jumped back', () => {
    const { supervisor, serve, child } = supervise();
    serve(1);
    child(0).end(1);
    vi.advanceTimersByTime(60_000);
    vi.setSystemTime(Date.now() - hourMs);
    child(1).end(1);
    expect(supervisor.slots[0]?.backoff.shortLives).toBe(1);
  });

  it('is not replaced when the start is given up', () => {
    const { supervisor, children, child, log, errors } = supervise();
    supervisor.start(2);
    for (const n of [0, 2]) child(n).end(4);
    vi.advanceTimersByTime(100);
    for (const n of [1, 4]) child(n).end(4);
    vi.advanceTimersByTime(100);
    expect(children).toHaveLength(6);
    child(3).end(4);
    expect(log).not.toContain('never started');
    child(5).end(4);
    expect(log.at(-1)).toBe('never started');
    expect(errors[0]).toMatchObject({ facts: { attempts: 3, reason: 'exited with code 4' } });
    expect(errors[0]?.message).toMatch(/in each of 2 slots 3 processes ended/);
  });

  it('is replaced for ever if any process of any slot was ever ready', () => {
    const { supervisor, ready, child, children, log } = supervise();
    supervisor.start(2);
    ready(0);
    for (const [n, delayMs] of [
      [1, 0],
      [2, 100],
      [3, 200],
      [4, 400],
    ] as const) {
      child(n).end(4);
      vi.advanceTimersByTime(delayMs);
    }
    expect(children).toHaveLength(6);
    expect(log).not.toContain('never started');
  });
});

describe('a process that cannot be forked', () => {
  const failure = () => {
    throw new Error('spawn ENOMEM');
  };

  it('is tried again after the backoff', () => {
    const { supervisor, fork, log, pids } = supervise();
    fork.mockImplementationOnce(failure).mockImplementationOnce(failure);
    supervisor.start(1);
    expect([log, pids()]).toEqual([[], [undefined]]);
    expect(supervisor.slots[0]?.backoff.restarts).toMatchObject([
      { pid: undefined, reason: 'it could not be forked: spawn ENOMEM', cause: 'not forked' },
      { pid: undefined, reason: 'it could not be forked: spawn ENOMEM', cause: 'not forked' },
    ]);
    vi.advanceTimersByTime(99);
    expect(fork).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(1);
    expect([log, pids()]).toEqual([['100 in 0 starting: forked'], [100]]);
  });

  it('counts towards giving up', () => {
    const { supervisor, fork, log } = supervise();
    fork.mockImplementation(failure);
    supervisor.start(1);
    vi.advanceTimersByTime(100);
    expect(log).toEqual(['never started']);
    expect(fork).toHaveBeenCalledTimes(3);
  });

  it('is tried again if only the fork of the child reports it', () => {
    const { supervisor, child, log } = supervise();
    supervisor.start(1);
    Object.assign(child(0).process, { pid: undefined });
    child(0).failToFork('spawn EAGAIN');
    expect(log).toContain('undefined in 0 gone: it could not be forked: spawn EAGAIN');
    expect(supervisor.slots[0]?.backoff.byCause).toEqual({ 'not forked': 1 });
    log.length = 0;
    child(0).end(null, null);
    expect(log).toEqual([]);
  });
});

describe('a process that leaves by itself', () => {
  it('drains, and its slot gets another one', () => {
    const { supervisor, serve, child, log, pids } = supervise();
    serve(1);
    child(0).say({ type: 'leaving', reason: 'its server was closed' });
    expect(log).toEqual([
      '100 in 0 draining: its server was closed',
      '100 left',
      '101 in 0 starting: forked',
    ]);
    expect(pids()).toEqual([101]);
    expect([...(supervisor.slots[0]?.leaving ?? [])].map(({ pid }) => pid)).toEqual([100]);
    expect(supervisor.slots[0]?.backoff.restarts).toMatchObject([
      { pid: 100, reason: 'its server was closed', cause: 'left' },
    ]);
    // It knows that it drains.
    expect(child(0).sent).toEqual([]);
    child(0).end(0);
    expect(log.slice(3)).toEqual(['100 in 0 gone: exited with code 0', '100 left, gone']);
    expect([pids(), supervisor.slots[0]?.leaving.size]).toEqual([[101], 0]);
  });

  it('says so twice and is replaced once', () => {
    const { serve, child, children } = supervise();
    serve(1);
    child(0).say({ type: 'leaving', reason: 'SIGTERM' });
    child(0).say({ type: 'leaving', reason: 'SIGTERM' });
    expect(children).toHaveLength(2);
  });

  it('is killed if it still runs after notice, drain time and a second', () => {
    const { serve, child, workerOf } = supervise({ noticeMs: 2000, drainTimeoutMs: 5000 });
    serve(1);
    const worker = workerOf(0);
    child(0).say({ type: 'leaving', reason: 'SIGTERM' });
    vi.advanceTimersByTime(7999);
    expect(child(0).process.signals).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(child(0).process.signals).toEqual(['SIGKILL']);
    expect(worker.exitReason?.reason).toBe('still running 8 s after it began to drain');
  });

  it('is taken to leave if its channel has been closed for 100 ms', () => {
    const { serve, child, log } = supervise();
    serve(1);
    child(0).disconnect();
    vi.advanceTimersByTime(99);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['100 in 0 draining: it disconnected', '100 left', '101 in 0 starting: forked']);
  });

  it('during a reload leaves the slot to the new process', () => {
    const { supervisor, serve, child, children, pids } = supervise();
    serve(1);
    supervisor.replace(0);
    child(0).say({ type: 'leaving', reason: 'SIGTERM' });
    expect([children.length, pids()]).toEqual([2, [101]]);
    expect(supervisor.slots[0]?.backoff.count).toBe(0);
  });
});

describe('replace()', () => {
  it('resolves when the new process serves, and the old one drains', async () => {
    const { supervisor, serve, child, ready, log, pids } = supervise({ drainTimeoutMs: 5000 });
    serve(1);
    const replaced = outcomeOf(supervisor.replace(0));
    expect([log, pids()]).toEqual([['101 in 0 starting: forked'], [100]]);
    ready(1);
    await settle();
    expect(replaced.value).toBe('done');
    expect(log.slice(1)).toEqual([
      '100 in 0 draining: replaced by a reload',
      '100 left',
      '101 in 0 ready: its servers are open',
    ]);
    expect(child(0).sent).toEqual([
      { type: 'drain', timeoutMs: 5000, reason: 'replaced by a reload', last: false },
    ]);
    expect([pids(), supervisor.slots[0]?.next]).toEqual([[101], undefined]);
    expect(supervisor.slots[0]?.backoff.byCause).toEqual({ reload: 1 });
    child(0).end(0);
    expect(pids()).toEqual([101]);
  });

  it('rejects if the new process ends before it serves. The old one serves on', async () => {
    const { supervisor, serve, child, children, log, pids } = supervise();
    serve(1);
    const replaced = outcomeOf(supervisor.replace(0));
    child(1).end(4);
    await settle();
    expect(replaced.value).toMatchObject({
      code: 'ERR_LIMPET_WORKER_START',
      facts: { slot: 0, reason: 'exited with code 4' },
    });
    expect(log.slice(1)).toEqual(['101 in 0 gone: exited with code 4', '101 left, gone']);
    expect([pids(), children.length, supervisor.slots[0]?.next]).toEqual([[100], 2, undefined]);
    expect(supervisor.slots[0]?.backoff.byCause).toEqual({});
    expect(child(0).sent).toEqual([]);
  });

  it('rejects if the new process cannot be forked', async () => {
    const { supervisor, serve, pids } = supervise({}, 1);
    serve(1);
    const replaced = outcomeOf(supervisor.replace(0));
    await settle();
    expect(replaced.value).toMatchObject({
      facts: { slot: 0, reason: 'too many processes are still draining' },
    });
    expect(pids()).toEqual([100]);
  });

  it('makes the new process the current one if the old one ends first', async () => {
    const { supervisor, serve, child, children, ready, log, pids } = supervise();
    serve(1);
    const replaced = outcomeOf(supervisor.replace(0));
    child(0).end(1);
    expect([pids(), children.length]).toEqual([[101], 2]);
    ready(1);
    await settle();
    expect(replaced.value).toBe('done');
    expect(log.at(-1)).toBe('101 in 0 ready: its servers are open');
    // Nothing was replaced by the reload.
    expect(supervisor.slots[0]?.backoff.byCause).toEqual({});
  });

  it('fills an empty slot at once, although it waits for its next process', async () => {
    const { supervisor, serve, child, children, pids, ready } = supervise();
    serve(1);
    child(0).end(1);
    child(1).end(1);
    const replaced = outcomeOf(supervisor.replace(0));
    expect([pids(), supervisor.slots[0]?.backoff.shortLives]).toEqual([[102], 0]);
    vi.advanceTimersByTime(1000);
    expect(children).toHaveLength(3);
    ready(2);
    await settle();
    expect(replaced.value).toBe('done');
  });

  it('rejects if the new process of an empty slot ends. The slot gets another one', async () => {
    const { supervisor, serve, child, pids } = supervise();
    serve(1);
    child(0).end(1);
    child(1).end(1);
    const replaced = outcomeOf(supervisor.replace(0));
    child(2).end(1);
    await settle();
    expect(replaced.value).toMatchObject({ code: 'ERR_LIMPET_WORKER_START' });
    expect(pids()).toEqual([103]);
  });
});

describe('markReady()', () => {
  it('is reported once', () => {
    const { supervisor, ready, log } = supervise();
    supervisor.start(1);
    ready(0);
    ready(0);
    expect(log).toEqual(['100 in 0 starting: forked', '100 in 0 ready: its servers are open']);
    expect(supervisor.slots[0]?.everReady).toBe(true);
  });
});

describe('retire()', () => {
  it('drains the processes of the slots from that number on', () => {
    const { supervisor, serve, child, log } = supervise();
    serve(3);
    supervisor.retire(1);
    expect(log).toEqual([
      '101 in 1 draining: its slot was taken away',
      '101 left',
      '102 in 2 draining: its slot was taken away',
      '102 left',
    ]);
    expect(child(0).sent).toEqual([]);
    expect(child(1).sent).toEqual([
      { type: 'drain', timeoutMs: 5000, reason: 'its slot was taken away', last: false },
    ]);
    expect(supervisor.slots.map(({ retired }) => retired)).toEqual([false, true, true]);
  });

  it('kills the new process of a reload', async () => {
    const { supervisor, serve, child, children, workerOf } = supervise();
    serve(2);
    const replaced = outcomeOf(supervisor.replace(1));
    const next = workerOf(2);
    supervisor.retire(1);
    expect([child(2).process.signals, next.exitReason?.reason]).toEqual([
      ['SIGKILL'],
      'its slot was taken away',
    ]);
    child(2).end(null, 'SIGKILL');
    await settle();
    expect(replaced.value).toMatchObject({ facts: { reason: 'its slot was taken away' } });
    expect(children).toHaveLength(3);
  });

  it('forks nothing for a slot that waits for its next process', () => {
    const { supervisor, serve, child, children } = supervise();
    serve(2);
    child(1).end(1);
    child(2).end(1);
    supervisor.retire(1);
    vi.advanceTimersByTime(10_000);
    expect(children).toHaveLength(3);
  });

  it('does not replace the processes, which end later', () => {
    const { supervisor, serve, child, children } = supervise();
    serve(2);
    supervisor.retire(1);
    child(1).end(0);
    expect(children).toHaveLength(2);
    expect([...supervisor.workers()].map(({ pid }) => pid)).toEqual([100]);
  });
});

describe('close()', () => {
  it('drains all processes, for the last time, and resolves when the last one has ended', async () => {
    const { supervisor, serve, child, children, log } = supervise();
    serve(2);
    const closed = outcomeOf(supervisor.close('the router closes'));
    expect(log).toEqual([
      '100 in 0 draining: the router closes',
      '100 left',
      '101 in 1 draining: the router closes',
      '101 left',
    ]);
    for (const n of [0, 1]) {
      expect(child(n).sent).toEqual([
        { type: 'drain', timeoutMs: 5000, reason: 'the router closes', last: true },
      ]);
    }
    child(0).end(0);
    await settle();
    expect(closed).toEqual({});
    child(1).end(0);
    await settle();
    expect([closed.value, children.length]).toEqual(['done', 2]);
  });

  it('kills a process that is not ready', async () => {
    const { supervisor, child, workerOf } = supervise();
    supervisor.start(1);
    const worker = workerOf(0);
    const closed = outcomeOf(supervisor.close('the router closes'));
    expect([child(0).process.signals, worker.exitReason]).toEqual([
      ['SIGKILL'],
      { reason: 'the router closes', cause: 'signal' },
    ]);
    child(0).end(null, 'SIGKILL');
    await settle();
    expect(closed.value).toBe('done');
  });

  it('tells a draining process again, and gives it no more time', async () => {
    const { supervisor, serve, child, log } = supervise({ noticeMs: 0, drainTimeoutMs: 5000 });
    serve(2);
    supervisor.retire(1);
    vi.advanceTimersByTime(3000);
    log.length = 0;
    outcomeOf(supervisor.close('the router closes'));
    expect(log).toEqual(['100 in 0 draining: the router closes', '100 left']);
    expect(child(1).sent.map((message) => message.type === 'drain' && message.last)).toEqual([false, true]);
    vi.advanceTimersByTime(3000);
    expect(child(1).process.signals).toEqual(['SIGKILL']);
    expect(child(0).process.signals).toEqual([]);
    vi.advanceTimersByTime(3000);
    expect(child(0).process.signals).toEqual(['SIGKILL']);
  });

  it('does not wait for a process that has exited and whose channel is still open', async () => {
    const { supervisor, serve, child } = supervise();
    serve(1);
    child(0).exit(0);
    const closed = outcomeOf(supervisor.close('the router closes'));
    await settle();
    expect([closed.value, child(0).sent]).toEqual(['done', []]);
  });

  it('replaces no process any more, not even one that waits for its turn', () => {
    const { supervisor, serve, child, children } = supervise();
    serve(2);
    child(1).end(1);
    child(2).end(1);
    outcomeOf(supervisor.close('the router closes'));
    child(0).end(1);
    vi.advanceTimersByTime(10_000);
    expect(children).toHaveLength(3);
  });
});

describe('kill()', () => {
  it('kills all processes and replaces none', () => {
    const { supervisor, serve, child, children, workerOf } = supervise();
    serve(2);
    const worker = workerOf(0);
    supervisor.kill('the address is in use');
    expect([child(0).process.signals, child(1).process.signals]).toEqual([['SIGKILL'], ['SIGKILL']]);
    expect(worker.exitReason).toEqual({ reason: 'the address is in use', cause: 'signal' });
    child(0).end(null, 'SIGKILL');
    expect(children).toHaveLength(2);
  });
});

it('each change but the fork is published on limpet:slot', () => {
  const published: unknown[] = [];
  const onSlot = (message: unknown) => published.push(message);
  subscribe('limpet:slot', onSlot);
  const { supervisor, ready, child } = supervise();
  supervisor.start(1);
  ready(0);
  child(0).end(4);
  unsubscribe('limpet:slot', onSlot);
  expect(published).toEqual([
    { slot: 0, pid: 100, state: 'ready', reason: 'its servers are open' },
    { slot: 0, pid: 100, state: 'gone', reason: 'exited with code 4' },
  ]);
});
