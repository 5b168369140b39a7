import { vi } from 'vitest';

/**
 * Fakes Date, performance.now(), setTimeout and setInterval. setImmediate stays real: a faked one that is set inside a timer would run a
 * millisecond late.
 */
export function useFakeClock(now = 1_700_000_000_000): void {
  vi.useFakeTimers({
    now,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
}

/** Runs what promises and setImmediate() have queued. No timer fires. */
export async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
  await new Promise((resolve) => setImmediate(resolve));
}
