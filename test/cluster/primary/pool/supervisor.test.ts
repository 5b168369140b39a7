import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawHandle } from '../../../../src/connection.ts';
import { outcomeOf, settle, supervise } from './fakes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

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

it('start() forks nothing while the router closes', () => {
  const { supervisor, children } = supervise();
  supervisor.kill('the address is in use');
  supervisor.start(2);
  expect(children).toEqual([]);
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

it('a process that drains already is not told so when its slot is taken away', () => {
  const { supervisor, serve, child, pids } = supervise();
  serve(1);
  outcomeOf(supervisor.replace(0));
  for (const n of [1, 0]) child(n).say({ type: 'leaving', reason: 'SIGTERM' });
  expect(pids()).toEqual([101]);
  supervisor.retire(0);
  expect([child(0).sent, child(1).sent]).toEqual([[], []]);
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

  it('sends drain to a draining process again, and gives it no more time', async () => {
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
    // Its end was asked for.
    expect(supervisor.slots[0]?.backoff.count).toBe(0);
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
