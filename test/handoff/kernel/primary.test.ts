import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { acceptMode } from '../../../src/binding/handoff-binding.ts';
import type { ListenAddress } from '../../../src/connection.ts';
import { Acceptor } from '../../../src/handoff/acceptor.ts';
import { KernelPrimary } from '../../../src/handoff/kernel/primary.ts';
import { type InheritedSockets, ListeningSockets } from '../../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import {
  type FakeAcceptorThread,
  FakeBinding,
  type FakeReuseportGroup,
  FakeWorker,
  systemError,
} from '../fake-binding.ts';

vi.mock(import('../../../src/handoff/listening-sockets.ts'), async (original) => ({
  ...(await original()),
  handleOf: (fd) => ({ fd, close: () => {} }) as never,
}));

const address: ListenAddress = { port: 3000, host: '127.0.0.1', ipv6Only: false, backlog: 16 };
let binding: FakeBinding;
let ring: SlotRing;
let acceptor: Acceptor;
let thread: FakeAcceptorThread;
let sockets: ListeningSockets;
let primary: KernelPrimary;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function start(...inherited: InheritedSockets[]): Promise<void> {
  binding = new FakeBinding();
  ring = new SlotRing({ slots: 3, key: Buffer.from('limpets!') });
  sockets = new ListeningSockets(inherited);
  acceptor = new Acceptor(
    binding.asBinding,
    ring,
    {
      queueMax: 1,
      spreadEvenly: false,
      maxLoad: 0,
      headTimeoutMs: 1,
      pendingMax: 1,
      pendingPerAddressMax: 1,
    },
    sockets,
  );
  thread = binding.threads[0] as FakeAcceptorThread;
  primary = new KernelPrimary(ring, acceptor, { listener: 7, key: 'tcp:3000', address });
  expect(await primary.open()).toMatchObject({ port: 1000 });
  thread.take();
}

const group = () => binding.groups[0] as FakeReuseportGroup;
const [held, watched, served] = [acceptMode.held, acceptMode.watched, acceptMode.served];

/** Attaches a worker to each slot, and forgets the calls. */
function attachAll(): FakeWorker[] {
  const workers = [0, 1, 2].map((slot) => new FakeWorker(slot));
  for (const worker of workers) primary.attach(worker);
  for (const worker of workers) worker.take();
  thread.take();
  return workers;
}

/** Whether the promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = {};
  await vi.advanceTimersByTimeAsync(0);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test('a unix socket is refused, because its clients have no address', async () => {
  await start();
  const unix = new KernelPrimary(ring, acceptor, {
    listener: 8,
    key: 'x',
    address: { path: '/x', backlog: 1 },
  });
  await expect(unix.open()).rejects.toMatchObject({
    code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    facts: { handoff: 'kernel', reason: 'a unix-domain client has no address to steer by' },
  });
  expect(binding.groups).toHaveLength(1);
});

describe('the first worker', () => {
  test('accepts from its slot’s socket, and the sockets of all other slots are watched', async () => {
    await start();
    const worker = new FakeWorker(1, 5);
    primary.attach(worker);
    expect(thread.take()).toEqual([
      'attach(1,7,5)',
      `serve(0,${watched},owners)`,
      `serve(1,${held})`,
      `serve(2,${watched},owners)`,
    ]);
    expect(worker.sent).toMatchObject([{ message: { accept: true }, handle: { fd: 2001 } }]);
  });

  test('of a ring with one slot has no slot to be watched', async () => {
    await start();
    ring.resize(1);
    primary.updateRing(ring);
    thread.take();
    primary.attach(new FakeWorker(0));
    expect(thread.take()).toContain(`serve(0,${held})`);
  });
});

test('a slot without a worker is served as if it were down, when its queue fills', async () => {
  await start();
  primary.attach(new FakeWorker(0));
  expect(thread.calls.at(-1)).toBe(`serve(2,${watched},owners)`);
  const owners = thread.lastOwners as Uint16Array;
  expect(owners.includes(2)).toBe(false);
  for (const [bucket, owner] of owners.entries()) {
    const home = ring.homeTable()[bucket] as number;
    expect(owner).toBe(home === 2 ? ring.fallbackOf(bucket) : home);
  }
});

test('before the first worker, nothing is accepted', async () => {
  await start();
  primary.updateRing(ring);
  expect(thread.take()).toEqual([`serve(0,${held})`, `serve(1,${held})`, `serve(2,${held})`]);
  expect(primary.queued(2)).toBe(207);
});

describe('a second worker of a slot', () => {
  test('gets the socket, too', async () => {
    await start();
    const [old] = attachAll() as [FakeWorker];
    const next = new FakeWorker(0, 9);
    primary.attach(next);
    expect(thread.take()).toEqual(['attach(0,7,9)', `serve(0,${held})`]);
    expect(next.take()).toEqual([{ accept: true }]);
    // The old one exits: the slot has another worker by now.
    primary.detach(old, true);
    expect([thread.take(), next.take()]).toEqual([[], []]);
  });

  test('of a slot that is down accepts when the slot is up', async () => {
    await start();
    const workers = attachAll();
    ring.down(1);
    primary.updateRing(ring);
    expect(workers[1]?.take()).toEqual([{ pause: true }]);
    const next = new FakeWorker(1, 9);
    primary.attach(next);
    expect([next.take(), thread.calls.at(-1)]).toEqual([[], `serve(1,${served})`]);
    ring.up(1);
    primary.updateRing(ring);
    expect(next.take()).toEqual([{ accept: true }]);
  });
});

describe('a worker that exits', () => {
  test('leaves its socket watched, then served while the slot is down, and held again for the next worker', async () => {
    await start();
    const workers = attachAll();
    primary.detach(workers[1] as FakeWorker, true);
    expect(thread.take()).toEqual(['detach(1,7)', `serve(1,${watched},owners)`]);
    ring.down(1);
    primary.updateRing(ring);
    expect(thread.take()).toEqual([`serve(0,${held})`, `serve(1,${served})`, `serve(2,${held})`]);
    const next = new FakeWorker(1, 9);
    ring.up(1);
    primary.updateRing(ring);
    primary.attach(next);
    expect(thread.take().slice(-2)).toEqual(['attach(1,7,9)', `serve(1,${held})`]);
    expect(next.take()).toEqual([{ accept: true }]);
    expect(workers.flatMap((worker) => worker.take())).toEqual([]);
  });

  test('and was the last leaves its socket held', async () => {
    await start();
    const worker = new FakeWorker(1);
    primary.attach(worker);
    thread.take();
    primary.detach(worker, true);
    expect(thread.take()).toEqual(['detach(1,7)', `serve(1,${held})`]);
  });

  test('of a slot without a socket changes nothing', async () => {
    await start();
    const beyond = new FakeWorker(5);
    primary.attach(beyond);
    thread.take();
    primary.detach(beyond, true);
    expect(thread.take()).toEqual(['detach(5,7)']);
  });
});

describe('a changed ring', () => {
  test('pauses a hung worker, whose socket the acceptor serves, until the slot is up again', async () => {
    await start();
    const workers = attachAll();
    ring.down(1);
    primary.updateRing(ring);
    primary.updateRing(ring);
    expect(workers[1]?.take()).toEqual([{ pause: true }]);
    expect(thread.take()).toContain(`serve(1,${served})`);
    ring.up(1);
    primary.updateRing(ring);
    primary.updateRing(ring);
    expect(workers[1]?.sent).toMatchObject([{ message: { accept: true }, handle: { fd: 2001 } }]);
    expect(thread.take().slice(0, 3)).toEqual([`serve(0,${held})`, `serve(1,${held})`, `serve(2,${held})`]);
  });

  test('without a slot that is up leaves each socket to its worker', async () => {
    await start();
    const workers = attachAll();
    for (const slot of [0, 1, 2]) ring.down(slot);
    primary.updateRing(ring);
    expect(thread.take()).toEqual([`serve(0,${held})`, `serve(1,${held})`, `serve(2,${held})`]);
    expect(workers.flatMap((worker) => worker.take())).toEqual([]);
  });

  test('with more slots gets sockets for them, and its new worker accepts', async () => {
    await start();
    attachAll();
    const next = new FakeWorker(3);
    primary.attach(next);
    expect([thread.take(), next.take()]).toEqual([['attach(3,7,3)'], []]);
    ring.resize(4);
    primary.updateRing(ring);
    expect(thread.take()).toContain('add(7,1003)');
    expect(next.take()).toEqual([{ accept: true }]);
  });

  test('with fewer slots pauses the workers of the removed ones, and closes their sockets after 60 s', async () => {
    await start();
    const workers = attachAll();
    ring.resize(2);
    primary.updateRing(ring);
    expect(workers[2]?.take()).toEqual([{ pause: true }]);
    expect(thread.take()).toContain(`serve(2,${served})`);
    vi.advanceTimersByTime(60_000);
    expect(thread.take()).toEqual([]);
    primary.detach(workers[2] as FakeWorker, true);
    thread.take();
    vi.advanceTimersByTime(60_000);
    expect(thread.take()).toEqual(['remove(2,true)']);
  });

  test('that the kernel refuses is an error, and the sockets stay as they were served', async () => {
    await start();
    const workers = attachAll();
    ring.resize(2);
    group().resizeError = systemError('setsockopt', 'ENOMEM');
    expect(() => primary.updateRing(ring)).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_NATIVE' }));
    expect([thread.take(), workers[2]?.take()]).toEqual([[], []]);
    expect(thread.rings.at(-1)?.homes).toEqual(ring.homeTable());
  });

  test('is used by later calls', async () => {
    await start();
    const workers = attachAll();
    const other = new SlotRing({ slots: 3, key: Buffer.from('limpets!') });
    other.down(2);
    primary.updateRing(other);
    expect(workers[2]?.take()).toEqual([{ pause: true }]);
    primary.detach(workers[2] as FakeWorker, true);
    expect(thread.calls.at(-1)).toBe(`serve(2,${served})`);
  });
});

test('a worker whose channel is closed is not said to accept, and is asked again', async () => {
  await start();
  const worker = new FakeWorker(1);
  worker.closed = true;
  primary.attach(worker);
  worker.closed = false;
  primary.updateRing(ring);
  expect(worker.take()).toEqual([{ accept: true }]);
});

describe('inherited sockets', () => {
  const inherited = () => ({ key: 'tcp:3000', descriptors: [61, 62, 63], managed: false });

  test('are steered by this ring when the first worker is attached', async () => {
    await start(inherited());
    primary.updateRing(ring);
    expect(group().tables).toEqual([]);
    primary.attach(new FakeWorker(0));
    expect(group().tables).toHaveLength(1);
    primary.attach(new FakeWorker(1));
    expect(group().tables).toHaveLength(1);
  });

  test('that cannot be steered keep the worker out', async () => {
    await start(inherited());
    group().resizeError = systemError('setsockopt', 'ENOMEM');
    expect(() => primary.attach(new FakeWorker(0))).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_NATIVE' }),
    );
    expect(thread.take()).toEqual([]);
  });

  test('that no worker has served are left to the old primary at close', async () => {
    await start(inherited());
    const closed = primary.close(1000);
    expect(thread.take()).toEqual(['remove(0,false)', 'remove(1,false)', 'remove(2,false)']);
    expect(await closed).toBe(0);
    expect(thread.take()).toEqual(['closeListener(7)', 'closeQueued(7)']);
    expect(group().closed).toBe(1);
  });
});

describe('close', () => {
  test('tells the accepting workers, and closes the sockets when all have answered', async () => {
    await start();
    const workers = attachAll();
    ring.down(1);
    primary.updateRing(ring);
    for (const worker of workers) worker.take();
    thread.take();
    const closed = primary.close(1000);
    expect(await isSettled(closed)).toBe(false);
    expect(workers.map((worker) => worker.take())).toEqual([[{ close: true }], [], [{ close: true }]]);
    primary.received(workers[0] as FakeWorker, { closed: true });
    primary.received(workers[0] as FakeWorker, { closed: true });
    primary.received(workers[1] as FakeWorker, { closed: true });
    primary.received(workers[2] as FakeWorker, {});
    expect([await isSettled(closed), thread.take()]).toEqual([false, []]);
    primary.received(workers[2] as FakeWorker, { closed: true });
    expect(await closed).toBe(0);
    // The acceptor takes what waits before the sockets close.
    expect(thread.take()).toEqual([
      'closeListener(7)',
      'remove(0,false)',
      'remove(1,false)',
      'remove(2,false)',
      'closeQueued(7)',
    ]);
    expect([group().closed, sockets.transferable(), vi.getTimerCount()]).toEqual([1, [], 0]);
  });

  test('does not wait for a worker that exits or whose channel is closed', async () => {
    await start();
    const workers = attachAll();
    (workers[0] as FakeWorker).closed = true;
    const closed = primary.close(1000);
    primary.received(workers[1] as FakeWorker, { closed: true });
    expect(await isSettled(closed)).toBe(false);
    primary.detach(workers[2] as FakeWorker, true);
    expect(await closed).toBe(0);
  });

  test('waits for workers and acceptor together no longer than the timeout', async () => {
    await start();
    attachAll();
    thread.unserved.set(7, 4);
    const closed = primary.close(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(thread.calls).toContain('closeListener(7)');
    // The acceptor's timeout is 0 ms, which Node rounds up to 1 ms.
    await vi.advanceTimersByTimeAsync(1);
    expect(await closed).toBe(4);
  });

  test('leaves the acceptor what the workers have left of the timeout', async () => {
    await start();
    const workers = attachAll();
    thread.unserved.set(7, 4);
    const closed = primary.close(1000);
    await vi.advanceTimersByTimeAsync(400);
    for (const worker of workers) primary.received(worker, { closed: true });
    await vi.advanceTimersByTimeAsync(599);
    expect(await isSettled(closed)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await closed).toBe(4);
  });

  test('ends the timer of retired sockets', async () => {
    await start();
    ring.resize(2);
    primary.updateRing(ring);
    expect(vi.getTimerCount()).toBe(1);
    await primary.close(1000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('after a transfer closes nothing twice', async () => {
    await start();
    attachAll();
    sockets.transfer();
    thread.take();
    expect(await primary.close(1000)).toBe(0);
    expect(thread.take()).toEqual(['closeListener(7)', 'closeQueued(7)']);
    expect(group().closed).toBe(1);
    primary.updateRing(ring);
    primary.attach(new FakeWorker(0, 9));
    expect(thread.take()).toEqual(['attach(0,7,9)']);
  });

  test('of a handoff that was never opened resolves', async () => {
    await start();
    const other = new KernelPrimary(ring, acceptor, { listener: 8, key: 'other', address });
    expect(await other.close(1000)).toBe(0);
  });
});
