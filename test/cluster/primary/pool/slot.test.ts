import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Slot } from '../../../../src/cluster/primary/pool/slot.ts';
import { fakeWorker } from './fakes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a slot', () => {
  it('is empty at first', () => {
    expect(new Slot(3)).toMatchObject({
      number: 3,
      current: undefined,
      next: undefined,
      forkTimer: undefined,
      everReady: false,
      retired: false,
    });
    expect([...new Slot(3).workers()]).toEqual([]);
  });

  it('lists its processes: current, next, then those that drain', () => {
    const slot = new Slot(0);
    const [current, next, one, other] = [0, 1, 2, 3].map((index) => fakeWorker(0, index).worker);
    slot.leaving.add(one as never).add(other as never);
    slot.next = { worker: next as never, settle: () => {} };
    slot.current = current;
    expect([...slot.workers()].map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  it('lists a replacement once if it is the current process too', () => {
    const slot = new Slot(0);
    const { worker } = fakeWorker();
    slot.current = worker;
    slot.next = { worker, settle: () => {} };
    expect([...slot.workers()]).toEqual([worker]);
  });

  it('lists a replacement without a current process', () => {
    const slot = new Slot(0);
    const { worker } = fakeWorker();
    slot.next = { worker, settle: () => {} };
    expect([...slot.workers()]).toEqual([worker]);
  });

  it('forgets the next fork when it is cancelled', () => {
    const slot = new Slot(0);
    const fork = vi.fn();
    slot.forkTimer = setTimeout(fork, 100);
    slot.cancelFork();
    slot.cancelFork();
    vi.advanceTimersByTime(1000);
    expect([slot.forkTimer, fork.mock.calls]).toEqual([undefined, []]);
  });
});
