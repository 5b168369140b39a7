import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { outcomeOf, settle, supervise } from './fakes.ts';

const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
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

  it('and ends while its slot waits for another process changes nothing', () => {
    const { supervisor, serve, child, children } = supervise();
    serve(1);
    child(0).say({ type: 'leaving', reason: 'SIGTERM' });
    child(1).end(1);
    child(0).end(0);
    expect(supervisor.slots[0]?.backoff.count).toBe(2);
    vi.advanceTimersByTime(10_000);
    expect(children).toHaveLength(3);
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

  it('rejects when the new process ends, if it leaves by itself before it serves. The old one serves on', async () => {
    const { supervisor, serve, child, children, pids } = supervise();
    serve(1);
    const replaced = outcomeOf(supervisor.replace(0));
    child(1).say({ type: 'leaving', reason: 'its server was closed' });
    await settle();
    expect([replaced, pids()]).toEqual([{}, [100]]);
    child(1).end(0);
    await settle();
    expect(replaced.value).toMatchObject({ facts: { reason: 'exited with code 0' } });
    expect([pids(), children.length]).toEqual([[100], 2]);
  });

  it('waits for the new process although the old one becomes ready meanwhile', async () => {
    const { supervisor, ready, child, log, pids } = supervise();
    supervisor.start(1);
    const replaced = outcomeOf(supervisor.replace(0));
    ready(0);
    await settle();
    expect([replaced, pids(), child(0).sent]).toEqual([{}, [100], []]);
    expect(log.at(-1)).toBe('100 in 0 ready: its servers are open');
    ready(1);
    await settle();
    expect([replaced.value, pids()]).toEqual(['done', [101]]);
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
