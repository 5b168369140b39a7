import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Liveness } from '../../../../src/cluster/primary/pool/liveness.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';
import { fakeWorker } from './fakes.ts';

const hourMs = 3_600_000;
// Vitest runs a fake setImmediate() 1 ms after the timer that asked for it. A check is therefore 1 ms later than its interval.

beforeEach(() => {
  vi.useFakeTimers();
  // The primary has run for a while when the worker is forked.
  vi.advanceTimersByTime(7000);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A worker whose liveness is watched. `marks` are the changes of stalled that were reported. */
function watch(options: RouterOptions, state: 'starting' | 'ready' | 'draining' = 'ready') {
  const { worker } = fakeWorker();
  if (state !== 'starting') worker.lifecycle.move(state, 'for the test', Date.now());
  const kill = vi.spyOn(worker, 'kill');
  const marks: boolean[] = [];
  /** Called once for each check. */
  const workers = vi.fn(() => [worker]);
  const liveness = new Liveness(checkRouterOptions(options), workers, (_, stalled) => marks.push(stalled));
  const hear = (underDebugger = false) => liveness.recordMessage(worker, underDebugger);
  return { liveness, worker, workers, marks, kill, hear };
}

/** The primary is stopped for `ms`: its clock goes on, no timer runs. */
function haltPrimary(ms: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + ms);
}

describe('a worker that is silent', () => {
  it('is stalled after stallTimeoutMs, and no more when it gives a sign of life', () => {
    const { worker, marks, kill, hear } = watch({ stallTimeoutMs: 400 });
    vi.advanceTimersByTime(400);
    expect(marks).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect([marks, worker.stalled]).toEqual([[true], true]);
    hear();
    expect([marks, worker.stalled]).toEqual([[true, false], false]);
    expect(kill).not.toHaveBeenCalled();
  });

  it('is stalled again when it is silent again', () => {
    const { marks, hear } = watch({ stallTimeoutMs: 400 });
    vi.advanceTimersByTime(600);
    hear();
    vi.advanceTimersByTime(600);
    expect(marks).toEqual([true, false, true]);
  });

  it('is killed after stallKillMs, with the time of its silence', () => {
    const { kill } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
    vi.advanceTimersByTime(1000);
    expect(kill).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(kill).toHaveBeenCalledExactlyOnceWith('stalled for 1001 ms', 'stalled');
  });

  it('is not stalled by a silence of exactly stallTimeoutMs, nor killed by one of exactly stallKillMs', () => {
    const { marks, kill, hear } = watch({ stallTimeoutMs: 400, stallKillMs: 800 });
    vi.advanceTimersByTime(1);
    hear();
    vi.advanceTimersByTime(400);
    expect(marks).toEqual([]);
    vi.advanceTimersByTime(400);
    expect([marks, kill.mock.calls]).toEqual([[true], []]);
    vi.advanceTimersByTime(100);
    expect(kill).toHaveBeenCalledOnce();
  });

  it('is reported with whole milliseconds', () => {
    const { kill } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
    vi.advanceTimersByTime(1000);
    haltPrimary(0.4);
    vi.advanceTimersByTime(1);
    expect(kill).toHaveBeenCalledExactlyOnceWith('stalled for 1001 ms', 'stalled');
  });

  it('is not killed without stallKillMs', () => {
    const { kill } = watch({ stallTimeoutMs: 400, stallKillMs: 0 });
    vi.advanceTimersByTime(60_000);
    expect(kill).not.toHaveBeenCalled();
  });

  it('is neither stalled nor killed with stallTimeoutMs 0', () => {
    const { marks, kill } = watch({ stallTimeoutMs: 0, stallKillMs: 100 });
    vi.advanceTimersByTime(60_000);
    expect([marks, kill.mock.calls]).toEqual([[], []]);
  });

  it.each(['starting', 'draining'] as const)('is not stalled while it is %s', (state) => {
    const { marks } = watch({ stallTimeoutMs: 400, readyTimeoutMs: 0 }, state);
    vi.advanceTimersByTime(10_000);
    expect(marks).toEqual([]);
  });
});

it('a worker under a debugger is not stalled, until it sends a message without one', () => {
  const { marks, hear } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
  hear(true);
  vi.advanceTimersByTime(60_000);
  expect(marks).toEqual([]);
  hear();
  vi.advanceTimersByTime(1000);
  expect(marks).toEqual([true]);
});

it('a message of a worker that is not stalled reports nothing', () => {
  const { marks, hear } = watch({ stallTimeoutMs: 400 });
  hear();
  expect(marks).toEqual([]);
});

describe('a worker that is not ready within readyTimeoutMs', () => {
  it('is killed', () => {
    const { kill, marks } = watch({ stallTimeoutMs: 400, readyTimeoutMs: 2000 }, 'starting');
    vi.advanceTimersByTime(2000);
    expect(kill).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(kill).toHaveBeenCalledExactlyOnceWith('not ready within 2000 ms', 'not ready');
    expect(marks).toEqual([]);
  });

  it('is killed although it sends heartbeats', () => {
    const { kill, hear } = watch({ stallTimeoutMs: 400, readyTimeoutMs: 2000 }, 'starting');
    for (let i = 0; i < 21; i++) {
      hear();
      vi.advanceTimersByTime(100);
    }
    expect(kill).toHaveBeenCalledOnce();
  });

  it('is not killed after exactly that time', () => {
    const { kill } = watch({ stallTimeoutMs: 400, readyTimeoutMs: 2001 }, 'starting');
    vi.advanceTimersByTime(2100);
    expect(kill).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(kill).toHaveBeenCalledOnce();
  });

  it('is not killed with readyTimeoutMs 0', () => {
    const { kill } = watch({ readyTimeoutMs: 0 }, 'starting');
    vi.advanceTimersByTime(hourMs);
    expect(kill).not.toHaveBeenCalled();
  });

  it('is not killed once it is ready', () => {
    const { kill } = watch({ stallTimeoutMs: 0, readyTimeoutMs: 2000 }, 'ready');
    vi.advanceTimersByTime(60_000);
    expect(kill).not.toHaveBeenCalled();
  });
});

describe.each([
  ['forward', hourMs],
  ['back', -hourMs],
])('a wall clock that jumps an hour %s', (_, jumpMs) => {
  const jump = () => vi.setSystemTime(Date.now() + jumpMs);

  it('stalls and kills no worker', () => {
    const { marks, kill, hear } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
    jump();
    for (let i = 0; i < 20; i++) {
      vi.advanceTimersByTime(100);
      hear();
    }
    expect([marks, kill.mock.calls]).toEqual([[], []]);
  });

  it('does not delay a stall', () => {
    const { marks } = watch({ stallTimeoutMs: 400 });
    jump();
    vi.advanceTimersByTime(500);
    expect(marks).toEqual([true]);
  });

  it('neither kills a booting worker nor gives it more time', () => {
    const { kill } = watch({ stallTimeoutMs: 400, readyTimeoutMs: 2000 }, 'starting');
    jump();
    vi.advanceTimersByTime(2000);
    expect(kill).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(kill).toHaveBeenCalledOnce();
  });
});

describe('the check', () => {
  it('comes after the messages that arrived in the same turn of the event loop', () => {
    const { marks, hear } = watch({ stallTimeoutMs: 400 });
    // This timer was made later than the interval of the check, so it runs after it.
    setTimeout(hear, 400);
    vi.advanceTimersByTime(450);
    expect(marks).toEqual([]);
  });

  it('judges no worker by the first time after the primary itself was stopped', () => {
    const { marks, kill, hear } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
    haltPrimary(5000);
    vi.advanceTimersByTime(100);
    expect([marks, kill.mock.calls]).toEqual([[], []]);
    hear();
    vi.advanceTimersByTime(400);
    expect(marks).toEqual([]);
  });

  it('judges by the second time after the primary was stopped', () => {
    const { marks } = watch({ stallTimeoutMs: 400 });
    haltPrimary(5000);
    vi.advanceTimersByTime(201);
    expect(marks).toEqual([true]);
  });

  it.each([
    [100, [true]],
    [101, []],
  ])(
    'takes the primary as stopped if it is late by more than one interval: %i ms of 100',
    (lateMs, expected) => {
      const { marks } = watch({ stallTimeoutMs: 400 });
      vi.advanceTimersByTime(350);
      haltPrimary(lateMs);
      vi.advanceTimersByTime(100);
      expect(marks).toEqual(expected);
    },
  );

  it.each([
    [400, 100],
    [402, 100],
    [20, 10],
    [2000, 500],
    [10_000, 1000],
    [0, 1000],
  ])(
    'comes four times within stallTimeoutMs, but every 10 ms to 1 s: %i ms',
    (stallTimeoutMs, intervalMs) => {
      const { workers } = watch({ stallTimeoutMs });
      vi.advanceTimersByTime(intervalMs);
      expect(workers).toHaveBeenCalledTimes(0);
      vi.advanceTimersByTime(1);
      expect(workers).toHaveBeenCalledTimes(1);
      vi.advanceTimersByTime(9 * intervalMs);
      expect(workers).toHaveBeenCalledTimes(10);
    },
  );

  it('does not come after stop(), not even if it was due', () => {
    const { liveness, workers } = watch({ stallTimeoutMs: 400 });
    // In the turn in which the interval has run and the check has not.
    setTimeout(() => liveness.stop(), 100);
    vi.advanceTimersByTime(10_000);
    expect(workers).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not keep the primary alive', () => {
    vi.useRealTimers();
    const unref = vi.fn();
    vi.spyOn(globalThis, 'setInterval').mockReturnValue({ unref } as never);
    watch({});
    expect(unref).toHaveBeenCalledOnce();
  });
});
