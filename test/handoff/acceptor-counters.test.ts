import { beforeEach, expect, test } from 'vitest';
import { SharedMemory, sharedMemoryLayout } from '../../src/binding/shared-memory.ts';
import { AcceptorCounters } from '../../src/handoff/acceptor-counters.ts';
import { FakeBinding, FakeWorker } from './fake-binding.ts';

const { cellsPerRow, slots } = sharedMemoryLayout;
/** The names of the cells, in their order. */
const workerCells = ['accepted', 'closed', 'taking', 'missteered', 'credits', 'starved', 'returned'];
const moreWorkerCells = ['steered', 'busiest', 'latencyUs'];
const slotCells = ['handed', 'diverted', 'queued', 'queueFull', 'hungry', 'abandoned'];

let cells: Float64Array;
let counters: AcceptorCounters;
beforeEach(() => {
  const binding = new FakeBinding();
  cells = new Float64Array(binding.memory);
  counters = new AcceptorCounters(SharedMemory.map(binding.asBinding, 40));
});

function write(block: number, names: readonly string[], values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values)) {
    const cell = names.indexOf(name);
    expect(cell).toBeGreaterThanOrEqual(0);
    cells[block * cellsPerRow + cell] = value;
  }
}
/** Writes as the worker with this index does. `latency` are the counts for each bound. */
function writeWorker(workerIndex: number, values: Record<string, number>, latency: number[] = []): void {
  const block = 1 + slots + workerIndex;
  write(block, [...workerCells, ...moreWorkerCells], values);
  for (const [i, count] of latency.entries()) cells[block * cellsPerRow + 10 + i] = count;
}
/** Writes as the acceptor thread does. */
const writeSlot = (slot: number, values: Record<string, number>) => write(1 + slot, slotCells, values);

const none = {
  accepted: 0,
  open: 0,
  handed: 0,
  diverted: 0,
  queued: 0,
  refused: {},
  missteered: 0,
  lost: 0,
  starved: 0,
  latency: { counts: [0, 0, 0, 0, 0, 0, 0, 0], sumMs: 0 },
};

test('a slot without workers has no counts', () => {
  expect(counters.of(3)).toEqual(none);
});

test('the counts of a slot are those of the acceptor and of all its workers', () => {
  counters.attach(new FakeWorker(3, 5));
  counters.attach(new FakeWorker(3, 6));
  counters.attach(new FakeWorker(2, 7));
  writeSlot(3, { handed: 30, diverted: 4, queued: 2, queueFull: 6, hungry: 1, abandoned: 7 });
  writeSlot(2, { handed: 99 });
  writeWorker(5, { accepted: 10, closed: 4, taking: 9, missteered: 1, starved: 2, latencyUs: 2500 }, [1, 2]);
  writeWorker(
    6,
    { accepted: 20, closed: 20, missteered: 3, starved: 5, latencyUs: 500 },
    [0, 1, 0, 0, 0, 0, 0, 8],
  );
  writeWorker(7, { accepted: 1000, closed: 1 });
  expect(counters.of(3)).toEqual({
    accepted: 30,
    open: 6,
    handed: 30,
    diverted: 4,
    queued: 2,
    refused: { 'queue full': 6, closing: 7 },
    missteered: 4,
    lost: 0,
    starved: 7,
    latency: { counts: [1, 3, 0, 0, 0, 0, 0, 8], sumMs: 3 },
  });
});

test('a reason that has not occurred is left out', () => {
  writeSlot(0, { abandoned: 1 });
  expect(counters.of(0).refused).toEqual({ closing: 1 });
  writeSlot(1, { queueFull: 1 });
  expect(counters.of(1).refused).toEqual({ 'queue full': 1 });
});

test('the counts of a worker that exited stay, and what was open or in doubt is lost', () => {
  const worker = new FakeWorker(1, 5);
  counters.attach(worker);
  writeWorker(
    5,
    { accepted: 10, closed: 4, taking: 2, missteered: 1, starved: 3, latencyUs: 2000 },
    [7, 0, 1],
  );
  counters.addExited(worker);
  const total = {
    ...none,
    accepted: 10,
    lost: 8,
    missteered: 1,
    starved: 3,
    latency: { counts: [7, 0, 1, 0, 0, 0, 0, 0], sumMs: 2 },
  };
  expect(counters.of(1)).toEqual(total);
  // Its exit is reported twice, once for each listener.
  counters.addExited(worker);
  expect(counters.of(1)).toEqual(total);
  expect(counters.of(1).latency).not.toBe(counters.of(1).latency);
});

test('a worker index that was used again starts from zero', () => {
  const [old, next] = [new FakeWorker(1, 5), new FakeWorker(1, 5)];
  counters.attach(old);
  writeWorker(
    5,
    { accepted: 10, closed: 10, steered: 4, busiest: 3, latencyUs: 9 },
    [1, 1, 1, 1, 1, 1, 1, 1],
  );
  counters.addExited(old);
  counters.attach(next);
  expect(counters.openIn(5)).toBe(0);
  expect([...counters.busiest()]).toEqual([['worker 5', { seen: 0, count: 0 }]]);
  writeWorker(5, { accepted: 3, closed: 1 });
  expect(counters.of(1)).toMatchObject({ accepted: 13, open: 2, lost: 0 });
  counters.addExited(next);
  expect(counters.of(1)).toMatchObject({ accepted: 13, open: 0, lost: 2 });
});

test('a worker that was never attached adds nothing when it exits', () => {
  writeWorker(5, { accepted: 10 });
  counters.addExited(new FakeWorker(1, 5));
  expect(counters.of(1)).toEqual(none);
  writeWorker(5, { accepted: 11 });
  counters.attach(new FakeWorker(1, 5));
  expect(counters.of(1).accepted).toBe(11);
});

test('the connections that are open in a worker are known while it is attached', () => {
  const worker = new FakeWorker(1, 5);
  writeWorker(5, { accepted: 10, closed: 4 });
  expect(counters.openIn(5)).toBeUndefined();
  counters.attach(worker);
  expect(counters.openIn(5)).toBe(6);
  counters.addExited(worker);
  expect(counters.openIn(5)).toBeUndefined();
});

test('each worker has the connections that the kernel sent to it, and those of the busiest client', () => {
  counters.attach(new FakeWorker(1, 5));
  counters.attach(new FakeWorker(2, 3));
  writeWorker(5, { steered: 10, busiest: 4 });
  writeWorker(3, { steered: 2, busiest: 1 });
  expect([...counters.busiest()]).toEqual([
    ['worker 5', { seen: 10, count: 4 }],
    ['worker 3', { seen: 2, count: 1 }],
  ]);
});
