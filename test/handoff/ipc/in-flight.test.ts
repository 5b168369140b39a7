import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import { InFlight, type QueuedConnection } from '../../../src/handoff/ipc/in-flight.ts';
import { FakeWorker } from '../fake-binding.ts';

const clock = vi.hoisted(() => ({ now: 0 }));
vi.mock(import('../../../src/handoff/ipc/protocol.ts'), () => ({ sharedClockMs: () => clock.now }));

let closed: number[];
let ledger: InFlight;
let worker: FakeWorker;
beforeEach(() => {
  vi.useFakeTimers();
  clock.now = 10_000;
  closed = [];
  ledger = new InFlight();
  worker = new FakeWorker(1, 5);
  ledger.attach(worker);
});
afterEach(() => {
  ledger.stopProbing();
  vi.useRealTimers();
});

function connection(fd: number, more: Partial<QueuedConnection> = {}): QueuedConnection {
  const handle = { fd, close: () => closed.push(fd) } as unknown as RawHandle;
  return { hash: fd, handle, placedAt: clock.now, sentAt: 0, ...more };
}

/** Sends so many connections, with descriptors from 1 on. */
function send(count: number, to = worker): QueuedConnection[] {
  const connections = Array.from({ length: count }, (_, i) => connection(i + 1));
  for (const each of connections) ledger.send(to, each);
  return connections;
}

/** Lets time pass on the shared clock and in the timers. */
function pass(ms: number): void {
  clock.now += ms;
  vi.advanceTimersByTime(ms);
}

it('a connection is sent with its number, the time, the client and the bytes that were read', () => {
  const client = { address: '203.0.113.7', family: 'IPv4', port: 80 } as const;
  const first = connection(7, { client, read: Buffer.from('GET /') });
  expect(ledger.send(worker, first)).toBe(true);
  clock.now = 10_050;
  const second = connection(8);
  expect(ledger.send(worker, second)).toBe(true);
  expect(worker.sent).toEqual([
    { message: { seq: 1, at: 10_000, client, read: 'R0VUIC8=' }, handle: first.handle },
    { message: { seq: 2, at: 10_050, client: undefined, read: undefined }, handle: second.handle },
  ]);
  expect([first.sentAt, second.sentAt]).toEqual([10_000, 10_050]);
});

it('numbers are unique across workers', () => {
  const other = new FakeWorker(0);
  ledger.attach(other);
  send(1);
  send(1, other);
  send(1);
  expect(worker.take().map(({ seq }) => seq)).toEqual([1, 3]);
  expect(other.take().map(({ seq }) => seq)).toEqual([2]);
});

it('a connection is not in flight if the channel is closed', () => {
  worker.closed = true;
  expect(ledger.send(worker, connection(1))).toBe(false);
  expect(ledger.isEmpty).toBe(true);
  expect(ledger.takeBack(worker)).toEqual([]);
});

it('a worker has room for four connections, an unknown worker for none', () => {
  expect(ledger.hasRoom(worker)).toBe(true);
  send(3);
  expect(ledger.hasRoom(worker)).toBe(true);
  send(1);
  expect(ledger.hasRoom(worker)).toBe(false);
  ledger.remove(worker, 2);
  expect(ledger.hasRoom(worker)).toBe(true);
  expect(ledger.hasRoom(new FakeWorker(1))).toBe(false);
});

it('attaching a worker again keeps its connections', () => {
  send(4);
  ledger.attach(worker);
  expect(ledger.hasRoom(worker)).toBe(false);
});

it('an answer removes its connection once', () => {
  const [first, second] = send(2);
  expect(ledger.remove(worker, 2)).toBe(second);
  expect(ledger.remove(worker, 2)).toBeUndefined();
  expect(ledger.isEmpty).toBe(false);
  expect(ledger.remove(new FakeWorker(1), 1)).toBeUndefined();
  expect(ledger.remove(worker, 1)).toBe(first);
  expect(ledger.isEmpty).toBe(true);
});

it('every connection up to a reached number was lost, later ones are still in flight', () => {
  const [first, second, third] = send(3);
  expect(ledger.removeLost(worker, 2)).toEqual([first, second]);
  expect(ledger.removeLost(worker, 2)).toEqual([]);
  expect(ledger.removeLost(new FakeWorker(1), 9)).toEqual([]);
  expect(ledger.remove(worker, 3)).toBe(third);
});

it('connections that are taken back are in order, and a late answer finds nothing', () => {
  const sent = send(3);
  expect(ledger.takeBack(worker)).toEqual(sent);
  expect(ledger.takeBack(worker)).toEqual([]);
  expect(ledger.remove(worker, 1)).toBeUndefined();
  expect([ledger.isEmpty, ledger.hasRoom(worker)]).toEqual([true, true]);
  expect(ledger.takeBack(new FakeWorker(1))).toEqual([]);
});

it('a worker that has exited returns its connections and is forgotten', () => {
  const sent = send(2);
  ledger.countOpen(worker, 5);
  expect(ledger.detach(worker)).toEqual(sent);
  expect(ledger.detach(worker)).toEqual([]);
  expect(ledger.hasRoom(worker)).toBe(false);
  // Its last message comes late.
  ledger.countOpen(worker, 1);
  const loads = [0, 0];
  ledger.addTo(loads);
  expect(loads).toEqual([0, 0]);
});

it('loads are the connections that are open or in flight, summed over the workers of a slot', () => {
  const next = new FakeWorker(1, 6);
  const beyond = new FakeWorker(2);
  const low = new FakeWorker(0);
  for (const each of [next, beyond, low]) ledger.attach(each);
  ledger.countOpen(worker, 1);
  ledger.countOpen(worker, 1);
  ledger.countOpen(worker, 1);
  ledger.countOpen(worker, -2);
  ledger.countOpen(next, 10);
  ledger.countOpen(beyond, 100);
  send(2);
  send(1, next);
  send(1, beyond);
  const loads = [1000, 2000];
  ledger.addTo(loads);
  expect(loads).toEqual([1000, 2014]);
});

it('every 500 ms the worker is asked for the last connection that was sent more than 500 ms before', () => {
  ledger.startProbing();
  send(2);
  pass(1);
  send(1);
  worker.take();
  pass(499);
  expect(worker.take()).toEqual([]);
  // At 1,000 ms the first two are 1,000 ms old and the third one 999 ms.
  pass(500);
  expect(worker.take()).toEqual([{ probe: 3 }]);
  ledger.remove(worker, 3);
  send(1);
  worker.take();
  pass(500);
  // The fourth was sent exactly 500 ms ago, which is not long enough.
  expect(worker.take()).toEqual([{ probe: 2 }]);
  ledger.takeBack(worker);
  pass(500);
  expect(worker.take()).toEqual([]);
});

it('each worker is asked for its own connections', () => {
  const other = new FakeWorker(0);
  ledger.attach(other);
  ledger.startProbing();
  send(1);
  send(2, other);
  worker.take();
  other.take();
  pass(500);
  pass(500);
  expect([worker.take(), other.take()]).toEqual([[{ probe: 1 }], [{ probe: 3 }]]);
});

it('nothing is asked before probing starts or after it stops, and the timer does not keep the process alive', () => {
  send(1);
  worker.take();
  pass(2000);
  expect(worker.take()).toEqual([]);
  const timer = { unref: vi.fn() };
  vi.spyOn(globalThis, 'setInterval').mockReturnValueOnce(timer as never);
  ledger.startProbing();
  expect(timer.unref).toHaveBeenCalledOnce();
  ledger.startProbing();
  pass(500);
  expect(worker.take()).toHaveLength(1);
  ledger.stopProbing();
  pass(5000);
  expect(worker.take()).toEqual([]);
});

it('closeAll closes the copies of all connections in flight', () => {
  const other = new FakeWorker(0);
  ledger.attach(other);
  send(2);
  send(1, other);
  ledger.closeAll();
  expect(closed).toEqual([1, 2, 1]);
  expect(ledger.isEmpty).toBe(true);
  ledger.closeAll();
  expect(closed).toHaveLength(3);
});
