import { beforeEach, expect, test } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import { InFlight, type QueuedConnection } from '../../../src/handoff/ipc/in-flight.ts';
import type { SlotChoice, SlotChoiceResult } from '../../../src/handoff/ipc/slot-choice.ts';
import { SlotQueues } from '../../../src/handoff/ipc/slot-queues.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { FakeWorker } from '../fake-binding.ts';

const queueMax = 6;
let ring: SlotRing;
let inFlight: InFlight;
let queues: SlotQueues;
/** The slot that gets the connections of another slot. */
let moved: Map<number, number>;
let events: string[];
beforeEach(() => {
  ring = new SlotRing({ slots: 3, key: new Uint8Array(8) });
  inFlight = new InFlight();
  moved = new Map();
  events = [];
  const choice = {
    owner: ({ pinned = 0 }: SlotChoiceResult) => moved.get(pinned) ?? pinned,
  } as unknown as SlotChoice;
  queues = new SlotQueues(
    ring,
    {
      queueMax,
      refused: (slot, reason) => events.push(`refused ${slot} ${reason}`),
      handed: (slot, home) => events.push(`handed ${slot} ${home}`),
    },
    choice,
    inFlight,
  );
});

function connection(fd: number, pinned: number | undefined): QueuedConnection {
  const handle = { fd, close: () => events.push(`closed ${fd}`) } as unknown as RawHandle;
  return { hash: 0, pinned, handle, placedAt: 0, sentAt: 0 };
}

/** Adds connections for the slot, with these descriptors. */
function add(slot: number, ...descriptors: number[]): void {
  for (const fd of descriptors) queues.add(connection(fd, slot));
}

function attach(slot: number): FakeWorker {
  const worker = new FakeWorker(slot);
  queues.attach(worker);
  inFlight.attach(worker);
  return worker;
}

const sentTo = (worker: FakeWorker) => worker.sent.splice(0).map(({ handle }) => handle?.fd);

test('connections wait until a worker is attached and send is called, then go in order while it has room', () => {
  add(1, 1, 2, 3, 4, 5);
  expect([queues.count(0), queues.count(1), queues.count(9)]).toEqual([0, 5, 0]);
  const worker = attach(1);
  expect(worker.sent).toEqual([]);
  queues.send(1);
  expect(sentTo(worker)).toEqual([1, 2, 3, 4]);
  expect(events).toEqual(['handed 1 1', 'handed 1 1', 'handed 1 1', 'handed 1 1']);
  expect(queues.count(1)).toBe(1);
  queues.send(1);
  expect(sentTo(worker)).toEqual([]);
  inFlight.remove(worker, 2);
  queues.send(1);
  expect(sentTo(worker)).toEqual([5]);
  expect(queues.isEmpty).toBe(true);
});

test('a connection for an attached worker is sent at once', () => {
  const worker = attach(1);
  add(1, 7);
  expect(sentTo(worker)).toEqual([7]);
  expect(queues.count(1)).toBe(0);
});

test('handed names the pinned slot, or else the home', () => {
  attach(0);
  queues.add(connection(1, undefined));
  moved.set(2, 0);
  queues.add(connection(2, 2));
  expect(events).toEqual([`handed 0 ${ring.homeOfHash(0)}`, 'handed 0 2']);
});

test('nothing is sent to a slot that is down, but to one that the ring does not have', () => {
  const down = attach(1);
  const beyond = attach(3);
  ring.down(1);
  add(1, 1);
  add(3, 2);
  expect([sentTo(down), sentTo(beyond)]).toEqual([[], [2]]);
  expect(queues.count(1)).toBe(1);
  expect(queues.isEmpty).toBe(false);
});

test('a connection stays first in its queue if the channel is closed', () => {
  const worker = attach(1);
  worker.closed = true;
  add(1, 1, 2);
  expect(events).toEqual([]);
  worker.closed = false;
  queues.send(1);
  expect(sentTo(worker)).toEqual([1, 2]);
});

test('a connection beyond queueMax is closed', () => {
  add(1, 1, 2, 3, 4, 5, 6, 7);
  expect(events).toEqual(['closed 7', 'refused 1 queue full']);
  expect(queues.count(1)).toBe(queueMax);
  add(2, 8);
  expect(queues.count(2)).toBe(1);
});

test('addAll queues all connections before it sends the first, and refuses those beyond queueMax', () => {
  attach(1);
  const connections = [1, 2, 3, 4, 5, 6, 7].map((fd) => connection(fd, 1));
  queues.addAll([connection(8, 2), ...connections]);
  expect(events.slice(0, 2)).toEqual(['closed 7', 'refused 1 queue full']);
  expect(events.slice(2)).toEqual(['handed 1 1', 'handed 1 1', 'handed 1 1', 'handed 1 1']);
  expect([queues.count(1), queues.count(2)]).toEqual([2, 1]);
});

test('only the worker that was attached last is detached', () => {
  const [first, second] = [attach(1), attach(1)];
  expect([queues.isAttached(first), queues.isAttached(second)]).toEqual([false, true]);
  queues.detach(first);
  add(1, 1);
  expect([sentTo(first), sentTo(second)]).toEqual([[], [1]]);
  queues.detach(second);
  expect(queues.isAttached(second)).toBe(false);
  add(1, 2);
  expect(sentTo(second)).toEqual([]);
  expect(queues.isAttached(new FakeWorker(2))).toBe(false);
});

test('a changed ring moves waiting connections to the slots that own them now', () => {
  const worker = attach(2);
  add(1, 1, 2);
  add(0, 3);
  moved.set(1, 2);
  queues.updateRing(ring);
  expect(sentTo(worker)).toEqual([1, 2]);
  expect([queues.count(0), queues.count(1)]).toEqual([1, 0]);
});

test('connections that the slot still owns stay in its queue, in order', () => {
  moved.set(5, 1);
  add(1, 1);
  add(5, 2);
  add(1, 3);
  moved.set(5, 2);
  queues.updateRing(ring);
  expect([queues.count(1), queues.count(2)]).toEqual([2, 1]);
  const [one, two] = [attach(1), attach(2)];
  queues.send(1);
  queues.send(2);
  expect([sentTo(one), sentTo(two)]).toEqual([[1, 3], [2]]);
});

test('connections in flight to a worker whose slot went down move before those that waited', () => {
  const down = attach(1);
  add(1, 1, 2, 3, 4, 5);
  expect(sentTo(down)).toEqual([1, 2, 3, 4]);
  const fallback = attach(2);
  ring.down(1);
  moved.set(1, 2);
  queues.updateRing(ring);
  expect(sentTo(fallback)).toEqual([1, 2, 3, 4]);
  expect(queues.count(2)).toBe(1);
  expect(inFlight.takeBack(down)).toEqual([]);
});

test('connections in flight to a worker whose slot was removed stay in flight', () => {
  const removed = attach(2);
  add(2, 1);
  sentTo(removed);
  const other = attach(0);
  ring.resize(2);
  moved.set(2, 0);
  queues.updateRing(ring);
  expect(sentTo(other)).toEqual([]);
  expect(inFlight.takeBack(removed)).toHaveLength(1);
});

test('a slot that went down without a worker keeps its waiting connections if they have no other owner', () => {
  add(1, 1, 2);
  ring.down(1);
  queues.updateRing(ring);
  expect(queues.count(1)).toBe(2);
});

test('updateRing uses the new ring from then on', () => {
  const worker = attach(1);
  const other = new SlotRing({ slots: 3, key: new Uint8Array(8) });
  other.down(1);
  queues.updateRing(other);
  add(1, 1);
  expect(sentTo(worker)).toEqual([]);
  other.up(1);
  queues.send(1);
  expect(sentTo(worker)).toEqual([1]);
});

test('closeAll closes every waiting connection and returns their number', () => {
  add(0, 1);
  add(2, 2, 3);
  expect(queues.closeAll()).toBe(3);
  expect(events).toEqual([
    'closed 1',
    'refused 0 closing',
    'closed 2',
    'refused 2 closing',
    'closed 3',
    'refused 2 closing',
  ]);
  expect([queues.isEmpty, queues.closeAll()]).toEqual([true, 0]);
});
