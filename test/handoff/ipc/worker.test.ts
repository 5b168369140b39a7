import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import type { HandoffMessage } from '../../../src/handoff/contract.ts';
import { IpcWorker } from '../../../src/handoff/ipc/worker.ts';

const clock = vi.hoisted(() => ({ now: 0 }));
vi.mock(import('../../../src/handoff/ipc/protocol.ts'), () => ({ sharedClockMs: () => clock.now }));

const handle = { close: () => {} } as unknown as RawHandle;
let told: HandoffMessage[];
let served: number;
let worker: IpcWorker;
beforeEach(() => {
  vi.useFakeTimers();
  clock.now = 10_000;
  told = [];
  served = 0;
  const entrance = { onClosed: undefined, takeHandle: () => (served += 1) };
  worker = new IpcWorker(entrance as never, (message) => told.push(message), {
    stallTimeoutMs: 1000,
    loadCounts: false,
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Time in which the process runs, and its timers with it. */
function run(ms: number): void {
  for (let passed = 0; passed < ms; passed += 25) {
    clock.now += 25;
    vi.advanceTimersByTime(25);
  }
}

it('takes what it is sent while it runs', () => {
  run(2000);
  worker.received({ seq: 1, at: clock.now - 400 }, handle);
  expect([told, served]).toEqual([[{ took: 1 }], 1]);
});

it('asks before it uses what is old, or what came while it was halted itself', () => {
  run(2000);
  // Halted for most of the time after which the primary takes it for stalled: it may do so right now.
  clock.now += 900;
  worker.received({ seq: 1, at: clock.now - 100 }, handle);
  worker.received({ seq: 2, at: clock.now - 600 }, handle);
  expect([told, served]).toEqual([[{ mayTake: 1 }, { mayTake: 2 }], 0]);
  worker.received({ take: 1 });
  worker.received({ drop: 2 });
  expect(served).toBe(1);

  // Also when a timer of its own ran first.
  clock.now += 900;
  vi.advanceTimersByTime(200);
  worker.received({ seq: 3, at: clock.now - 100 }, handle);
  expect(told.at(-1)).toEqual({ mayTake: 3 });

  run(100);
  worker.received({ seq: 4, at: clock.now }, handle);
  expect(told.at(-1)).toEqual({ took: 4 });
});
