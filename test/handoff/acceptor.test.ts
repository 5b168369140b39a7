import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SharedMemory, sharedMemoryLayout } from '../../src/binding/shared-memory.ts';
import { Acceptor, isSameTable } from '../../src/handoff/acceptor.ts';
import { ListeningSockets } from '../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../src/ring/slot-ring.ts';
import { type FakeAcceptorThread, FakeBinding, FakeWorker } from './fake-binding.ts';

const settings = {
  queueMax: 10,
  spreadEvenly: true,
  maxLoad: 1.5,
  headTimeoutMs: 5000,
  pendingMax: 20,
  pendingPerAddressMax: 4,
};
let binding: FakeBinding;
let ring: SlotRing;
let acceptor: Acceptor;
let thread: FakeAcceptorThread;
let publishRing: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  vi.useFakeTimers();
  publishRing = vi.spyOn(SharedMemory.prototype, 'publishRing');
  binding = new FakeBinding();
  ring = new SlotRing({ slots: 3, key: Buffer.from('limpets!'), ipv6Prefix: 56 });
  acceptor = new Acceptor(binding.asBinding, ring, settings, new ListeningSockets());
  thread = acceptor.thread as FakeAcceptorThread;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('the thread gets the shared memory, the ring and the settings', () => {
  expect(thread.options).toEqual({ sharedMemory: 40, key: ring.key, ipv6Prefix: 56, ...settings });
  expect(thread.rings).toEqual([{ owners: ring.ownerTable(), homes: ring.homeTable() }]);
  expect(publishRing.mock.calls).toEqual([[{ key: ring.key, ipv6Prefix: 56, homes: ring.homeTable() }]]);
});

test('a worker inherits its end of the slot’s channel and the shared memory', () => {
  expect(acceptor.inheritedDescriptors(2)).toEqual([202, 40]);
});

describe('updateRing', () => {
  test('gives every change to the thread, and the ring to the workers only if the homes changed', () => {
    ring.down(1);
    acceptor.updateRing(ring);
    expect(thread.rings[1]).toEqual({ owners: ring.ownerTable(), homes: ring.homeTable() });
    expect(publishRing).toHaveBeenCalledTimes(1);
    ring.resize(4);
    acceptor.updateRing(ring);
    expect(publishRing).toHaveBeenCalledTimes(2);
    expect(publishRing.mock.calls[1]).toEqual([{ key: ring.key, ipv6Prefix: 56, homes: ring.homeTable() }]);
    acceptor.updateRing(ring);
    expect(publishRing).toHaveBeenCalledTimes(2);
    expect(thread.rings).toHaveLength(4);
  });

  test('leaves every bucket with its home while no slot is up', () => {
    for (const slot of [0, 1, 2]) ring.down(slot);
    acceptor.updateRing(ring);
    expect(thread.rings.at(-1)).toEqual({ owners: ring.homeTable(), homes: ring.homeTable() });
  });
});

describe('a worker', () => {
  test('is attached with its index and detached once', () => {
    const worker = new FakeWorker(1, 5);
    acceptor.attach(worker, 7);
    expect(thread.take()).toEqual(['attach(1,7,5)']);
    expect(acceptor.detach(worker, 7, false)).toBe(true);
    expect(acceptor.detach(worker, 7, false)).toBe(false);
    expect(thread.take()).toEqual(['detach(1,7)']);
  });

  test('that another one has followed is not detached from the thread', () => {
    const [old, next] = [new FakeWorker(1, 5), new FakeWorker(1, 6)];
    acceptor.attach(old, 7);
    acceptor.attach(next, 7);
    thread.take();
    expect(acceptor.detach(old, 7, true)).toBe(false);
    expect(thread.take()).toEqual([]);
    expect(acceptor.detach(next, 7, false)).toBe(true);
  });

  test('is attached to each listener and slot by itself', () => {
    const [one, two] = [new FakeWorker(1, 5), new FakeWorker(2, 6)];
    acceptor.attach(one, 7);
    acceptor.attach(one, 8);
    acceptor.attach(two, 7);
    thread.take();
    expect(acceptor.detach(one, 7, false)).toBe(true);
    expect(acceptor.detach(one, 8, false)).toBe(true);
    expect(acceptor.detach(two, 7, false)).toBe(true);
    expect(thread.take()).toEqual(['detach(1,7)', 'detach(1,8)', 'detach(2,7)']);
  });

  test('is counted until it has exited, and its counts stay', () => {
    const worker = new FakeWorker(1, 5);
    acceptor.attach(worker, 7);
    const cells = new Float64Array(binding.memory);
    cells[(1 + sharedMemoryLayout.slots + 5) * sharedMemoryLayout.cellsPerRow] = 3;
    acceptor.memory.countClosed(5);
    expect([acceptor.openIn(5), acceptor.counts(1).accepted]).toEqual([2, 3]);
    acceptor.detach(worker, 7, false);
    expect(acceptor.openIn(5)).toBe(2);
    acceptor.detach(worker, 7, true);
    expect(acceptor.openIn(5)).toBeUndefined();
    expect(acceptor.counts(1)).toMatchObject({ accepted: 3, open: 0, lost: 2 });
  });
});

test('the busiest client is known in the acceptor and in each worker', () => {
  acceptor.attach(new FakeWorker(1, 5), 7);
  expect([...acceptor.busiest()]).toEqual([
    ['acceptor', { seen: 10, count: 4 }],
    ['worker 5', { seen: 0, count: 0 }],
  ]);
});

describe('close', () => {
  /** Whether the promise is settled by now. */
  async function isSettled(promise: Promise<unknown>): Promise<boolean> {
    const pending = {};
    await vi.advanceTimersByTimeAsync(0);
    return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
  }

  test('resolves at once if nothing waits', async () => {
    expect(await acceptor.close(7, 1000)).toBe(0);
    expect(thread.take()).toEqual(['closeListener(7)', 'closeQueued(7)']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('resolves when the thread reports that the listener is empty', async () => {
    thread.unserved.set(7, 2);
    thread.unserved.set(8, 1);
    const closed = acceptor.close(7, 1000);
    const other = acceptor.close(8, 1000);
    expect(await isSettled(closed)).toBe(false);
    thread.onEmptied();
    expect(await isSettled(closed)).toBe(false);
    thread.unserved.delete(7);
    thread.onEmptied();
    expect(await closed).toBe(0);
    expect(await isSettled(other)).toBe(false);
    thread.unserved.delete(8);
    thread.onEmptied();
    expect(await other).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('resolves after the timeout with the number of connections that it closed', async () => {
    thread.unserved.set(7, 2);
    const closed = acceptor.close(7, 1000);
    await vi.advanceTimersByTimeAsync(999);
    expect(await isSettled(closed)).toBe(false);
    expect(thread.take()).toEqual(['closeListener(7)']);
    await vi.advanceTimersByTimeAsync(1);
    expect(await closed).toBe(2);
    expect(thread.take()).toEqual(['closeQueued(7)']);
    // The thread's report comes late.
    thread.unserved.delete(7);
    const isEmpty = vi.spyOn(thread, 'isEmpty');
    thread.onEmptied();
    expect(isEmpty).not.toHaveBeenCalled();
  });
});

test('stop ends the thread and closes the memory, and the counts can still be read', () => {
  acceptor.attach(new FakeWorker(1, 5), 7);
  thread.take();
  acceptor.stop();
  expect([thread.take(), binding.take()]).toEqual([['stop()'], ['close(40)']]);
  expect(acceptor.counts(1).accepted).toBe(0);
});

test('two tables are the same if they have the same slots', () => {
  const table = Uint16Array.of(1, 2, 3);
  expect(isSameTable(table, Uint16Array.of(1, 2, 3))).toBe(true);
  expect(isSameTable(table, Uint16Array.of(1, 2, 4))).toBe(false);
  expect(isSameTable(table, Uint16Array.of(1, 2))).toBe(false);
  expect(isSameTable(Uint16Array.of(1, 2), table)).toBe(false);
});
