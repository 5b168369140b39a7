import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawHandle } from '../../../../src/connection.ts';
import { fakeWorker, settle } from './fakes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const handle = { fd: 7, close: () => {} } satisfies RawHandle;

describe('a new worker process', () => {
  it('is starting, is not attached and has said nothing', () => {
    vi.setSystemTime(5000);
    const { worker } = fakeWorker(3, 9);
    expect(worker).toMatchObject({
      slot: 3,
      index: 9,
      pid: 109,
      attached: false,
      stalled: false,
      vitals: undefined,
      exitReason: undefined,
    });
    expect(worker.lifecycle).toMatchObject({ state: 'starting', startedAt: 5000, since: 5000 });
    expect([worker.asked.size, worker.opened.size]).toEqual([0, 0]);
    expect([worker.forkedAt, worker.lastMessageAt]).toEqual([performance.now(), performance.now()]);
  });
});

describe('a message to a worker process', () => {
  it('is sent with its handle', () => {
    const { worker, child } = fakeWorker();
    expect(worker.send({ type: 'notice' }, handle)).toBe(true);
    expect([child.sent, child.process.handles]).toEqual([[{ type: 'notice' }], [handle]]);
  });

  it('is refused when the channel is closed', () => {
    const { worker, child } = fakeWorker();
    child.disconnect();
    expect(worker.send({ type: 'notice' })).toBe(false);
    expect(child.sent).toEqual([]);
  });

  it('of a handoff carries the id of its listener', () => {
    const { worker, child } = fakeWorker(1, 6);
    const endpoint = worker.endpointFor(4);
    expect(endpoint).toMatchObject({ slot: 1, workerIndex: 6 });
    expect(endpoint.send({ go: 1 }, handle)).toBe(true);
    expect(child.sent).toEqual([{ type: 'handoff', listener: 4, body: { go: 1 } }]);
    expect(child.process.handles).toEqual([handle]);
    child.disconnect();
    expect(endpoint.send({ go: 2 })).toBe(false);
  });
});

describe('stopAccepting()', () => {
  /** Whether the promise has been resolved. */
  async function isSettled(promise: Promise<void>): Promise<boolean> {
    let settled = false;
    promise.then(() => {
      settled = true;
    });
    await settle();
    return settled;
  }

  it('sends stop and resolves when the worker confirms', async () => {
    const { worker, child } = fakeWorker();
    const stopped = worker.stopAccepting(2000);
    expect(child.sent).toEqual([{ type: 'stop' }]);
    expect(await isSettled(stopped)).toBe(false);
    worker.confirmStop();
    expect(await isSettled(stopped)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('resolves when the worker exits', async () => {
    const { worker, child } = fakeWorker();
    const stopped = worker.stopAccepting(2000);
    child.end(0);
    expect(await isSettled(stopped)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('resolves when the time is over', async () => {
    const { worker } = fakeWorker();
    const stopped = worker.stopAccepting(2000);
    vi.advanceTimersByTime(1999);
    expect(await isSettled(stopped)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await isSettled(stopped)).toBe(true);
  });

  it('resolves at once when the channel is closed', async () => {
    const { worker, child } = fakeWorker();
    child.disconnect();
    expect(await isSettled(worker.stopAccepting(2000))).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ignores a confirmation that comes twice, late, or without a question', async () => {
    const { worker } = fakeWorker();
    worker.confirmStop();
    const stopped = worker.stopAccepting(2000);
    vi.advanceTimersByTime(2000);
    worker.confirmStop();
    worker.confirmStop();
    await expect(stopped).resolves.toBeUndefined();
  });
});

describe('kill()', () => {
  it('sends SIGKILL and keeps the first reason', () => {
    const { worker, child } = fakeWorker();
    worker.kill('stalled for 1001 ms', 'stalled');
    worker.kill('the router closes');
    expect(worker.exitReason).toEqual({ reason: 'stalled for 1001 ms', cause: 'stalled' });
    expect(child.process.signals).toEqual(['SIGKILL', 'SIGKILL']);
  });

  it('reports a signal as the cause if none is given', () => {
    const { worker } = fakeWorker();
    worker.kill('the router closes');
    expect(worker.exitReason).toEqual({ reason: 'the router closes', cause: 'signal' });
  });
});

describe('killAfter()', () => {
  it('kills a process that still runs then', () => {
    const { worker, child } = fakeWorker();
    worker.killAfter(31_000);
    vi.advanceTimersByTime(30_999);
    expect(child.process.signals).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(child.process.signals).toEqual(['SIGKILL']);
    expect(worker.exitReason?.reason).toBe('still running 31 s after it began to drain');
  });

  it('leaves alone a process that has exited', () => {
    const { worker, child } = fakeWorker();
    worker.killAfter(31_000);
    child.end(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(child.process.signals).toEqual([]);
  });
});
