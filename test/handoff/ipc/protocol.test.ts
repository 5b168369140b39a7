import { expect, test, vi } from 'vitest';
import { sharedClockMs } from '../../../src/handoff/ipc/protocol.ts';

test('the shared clock is the monotonic clock of the machine, in milliseconds', () => {
  const hrtime = vi.spyOn(process, 'hrtime').mockReturnValueOnce([12, 345_678_000]);
  expect(sharedClockMs()).toBe(12_345.678);
  expect(hrtime).toHaveBeenCalledExactlyOnceWith();
});

test('a wall clock that jumps does not move it', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const before = sharedClockMs();
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(sharedClockMs() - before).toBeLessThan(1000);
  } finally {
    vi.useRealTimers();
  }
});
