import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import type { HandoffMessage } from '../../../src/handoff/contract.ts';
import { IpcWorker } from '../../../src/handoff/ipc/worker.ts';

const clock = vi.hoisted(() => ({ now: 0 }));
vi.mock(import('../../../src/handoff/ipc/protocol.ts'), () => ({ sharedClockMs: () => clock.now }));

const handle = { close: () => {} } as unknown as RawHandle;
let sent: HandoffMessage[];
let served: number;
let worker: IpcWorker;
beforeEach(() => {
  vi.useFakeTimers();
  clock.now = 10_000;
  sent = [];
  served = 0;
  const sink = { onClosed: undefined, takeHandle: () => (served += 1) };
  worker = new IpcWorker(sink as never, (message) => sent.push(message), {
    stallTimeoutMs: 1000,
    loadCounts: false,
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass in which the process runs: its timers fire. */
function run(ms: number): void {
  for (let passed = 0; passed < ms; passed += 25) {
    clock.now += 25;
    vi.advanceTimersByTime(25);
  }
}

it('takes connections while it runs', () => {
  run(2000);
  worker.received({ seq: 1, at: clock.now - 400 }, handle);
  expect([sent, served]).toEqual([[{ took: 1 }], 1]);
});

it('asks before it takes an old connection, or one that came while the process was halted', () => {
  run(2000);
  // The halt was nearly as long as stallTimeoutMs: the primary may declare the worker stalled right now.
  clock.now += 900;
  worker.received({ seq: 1, at: clock.now - 100 }, handle);
  worker.received({ seq: 2, at: clock.now - 600 }, handle);
  expect([sent, served]).toEqual([[{ mayTake: 1 }, { mayTake: 2 }], 0]);
  worker.received({ take: 1 });
  worker.received({ drop: 2 });
  expect(served).toBe(1);

  // The same holds if one of the worker's own timers has fired since.
  clock.now += 900;
  vi.advanceTimersByTime(200);
  worker.received({ seq: 3, at: clock.now - 100 }, handle);
  expect(sent.at(-1)).toEqual({ mayTake: 3 });

  run(100);
  worker.received({ seq: 4, at: clock.now }, handle);
  expect(sent.at(-1)).toEqual({ took: 4 });
});
