import inspector from 'node:inspector';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WorkerMessage } from '../../../src/cluster/protocol.ts';
import { beginHeartbeat } from '../../../src/cluster/worker/heartbeat.ts';
import { sessionCache } from '../../../src/metrics.ts';

let sent: WorkerMessage[];
let now: number;
let open: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  sent = [];
  now = 5000;
  open = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Lets the interval end after `ms` on the clock, which is 100 ms if the process is not late. */
function beatAfter(ms: number): WorkerMessage | undefined {
  now += ms;
  vi.advanceTimersByTime(100);
  return sent.at(-1);
}

it('sends a beat with the vitals of the process every interval', () => {
  beginHeartbeat(
    100,
    () => open,
    (message) => sent.push(message),
  );
  expect(sent).toEqual([]);
  open = 12;
  expect(beatAfter(100)).toEqual({
    type: 'beat',
    open: 12,
    lagMs: 0,
    rssBytes: expect.any(Number),
    sessionCache,
    debugger: inspector.url() !== undefined,
  });
  open = 13;
  expect(beatAfter(100)).toMatchObject({ open: 13, lagMs: 0 });
  expect(sent).toHaveLength(2);
});

it('reports how late a beat is, in whole milliseconds', () => {
  beginHeartbeat(
    100,
    () => 0,
    (message) => sent.push(message),
  );
  expect(beatAfter(900), 'the first beat has no predecessor').toMatchObject({ lagMs: 0 });
  expect(beatAfter(142.4)).toMatchObject({ lagMs: 42 });
  expect(beatAfter(60), 'an early beat is not late').toMatchObject({ lagMs: 0 });
});

it('does not keep the process alive', () => {
  const unref = vi.fn();
  vi.spyOn(globalThis, 'setInterval').mockReturnValue({ unref } as unknown as NodeJS.Timeout);
  beginHeartbeat(
    100,
    () => 0,
    () => {},
  );
  expect(setInterval).toHaveBeenCalledWith(expect.any(Function), 100);
  expect(unref).toHaveBeenCalledOnce();
});
