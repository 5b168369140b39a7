import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Liveness } from '../../../../src/cluster/primary/pool/liveness.ts';
import type { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A process as far as it is watched; `marks` are the changes that were reported. */
function watch(options: RouterOptions, state: 'starting' | 'ready' = 'ready') {
  const kill = vi.fn<(reason: string) => void>();
  const worker = {
    lifecycle: { state },
    forkedAt: Date.now(),
    lastMessageAt: Date.now(),
    stalled: false,
    kill,
  };
  const marks: boolean[] = [];
  const liveness = new Liveness(
    checkRouterOptions(options),
    () => [worker as unknown as WorkerProcess],
    (_, stalled) => marks.push(stalled),
  );
  const hear = (debugged = false) => liveness.recordMessage(worker as unknown as WorkerProcess, debugged);
  return { liveness, worker, marks, kill, hear };
}

it('calls a process stalled when it was silent for stallTimeoutMs, and well again when it speaks', () => {
  const { marks, kill, hear } = watch({ stallTimeoutMs: 400 });
  vi.advanceTimersByTime(400);
  expect(marks).toEqual([]);
  vi.advanceTimersByTime(10_000);
  expect(marks).toEqual([true]);
  hear();
  expect(marks).toEqual([true, false]);
  expect(kill).not.toHaveBeenCalled();
});

it('kills one that is silent for stallKillMs, and says how long it was', () => {
  const { kill } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
  vi.advanceTimersByTime(1000);
  expect(kill).not.toHaveBeenCalled();
  vi.advanceTimersByTime(100);
  expect(kill).toHaveBeenCalledWith(expect.stringMatching(/^stalled for 1[01]\d\d ms$/), 'stalled');
});

it('lets a process under a debugger be, until it speaks without one', () => {
  const { marks, hear } = watch({ stallTimeoutMs: 400, stallKillMs: 1000 });
  hear(true);
  vi.advanceTimersByTime(60_000);
  expect(marks).toEqual([]);
  hear();
  vi.advanceTimersByTime(1000);
  expect(marks).toEqual([true]);
});

it('with stallTimeoutMs 0 stalls nobody', () => {
  const { marks, kill } = watch({ stallTimeoutMs: 0, stallKillMs: 100 });
  vi.advanceTimersByTime(60_000);
  expect([marks, kill.mock.calls]).toEqual([[], []]);
});

it('ends a process that is not ready within readyTimeoutMs', () => {
  const { kill, marks } = watch({ stallTimeoutMs: 400, readyTimeoutMs: 2000 }, 'starting');
  vi.advanceTimersByTime(2000);
  expect(kill).not.toHaveBeenCalled();
  vi.advanceTimersByTime(100);
  expect(kill).toHaveBeenCalledWith('not ready within 2000 ms', 'not ready');
  expect(marks).toEqual([]);
});

it('reads what was said before it judges', () => {
  const { marks, hear } = watch({ stallTimeoutMs: 400 });
  // Due after the look that would find it silent, in the same turn of the event loop.
  setTimeout(hear, 400);
  vi.advanceTimersByTime(450);
  expect(marks).toEqual([]);
});

it('judges nobody by the first look after a halt of the primary itself', () => {
  const { marks, hear } = watch({ stallTimeoutMs: 400 });
  vi.setSystemTime(Date.now() + 5000);
  vi.advanceTimersByTime(100);
  expect(marks).toEqual([]);
  hear();
  vi.advanceTimersByTime(300);
  expect(marks).toEqual([]);
});
