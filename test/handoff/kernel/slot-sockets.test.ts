import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ListenAddress } from '../../../src/connection.ts';
import { Acceptor } from '../../../src/handoff/acceptor.ts';
import { SlotSockets } from '../../../src/handoff/kernel/slot-sockets.ts';
import { type InheritedSockets, ListeningSockets } from '../../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import {
  type FakeAcceptorThread,
  FakeBinding,
  type FakeReuseportGroup,
  systemError,
} from '../fake-binding.ts';

/** The descriptors of handles that were closed. */
const closedHandles = vi.hoisted(() => [] as number[]);
vi.mock(import('../../../src/handoff/listening-sockets.ts'), async (original) => ({
  ...(await original()),
  handleOf: (fd) => ({ fd, close: () => void closedHandles.push(fd) }) as never,
}));

const address: ListenAddress = { port: 3000, host: '127.0.0.1', ipv6Only: false, backlog: 16 };
const on = { listener: 7, key: 'tcp:3000', address };
let binding: FakeBinding;
let ring: SlotRing;
let acceptor: Acceptor;
let sockets: ListeningSockets;
let thread: FakeAcceptorThread;
/** The slots that have a worker. */
let workers: Set<number>;
beforeEach(() => {
  vi.useFakeTimers();
  closedHandles.length = 0;
  workers = new Set();
  start();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(...inherited: InheritedSockets[]): void {
  binding = new FakeBinding();
  ring = new SlotRing({ slots: 3, key: Buffer.from('limpets!'), ipv6Prefix: 56 });
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
}

const open = () => SlotSockets.open(acceptor, on, ring, (slot) => workers.has(slot));
const group = () => binding.groups[0] as FakeReuseportGroup;
const slotsOf = (own: SlotSockets) => [...own].map(({ slot }) => slot);

describe('open', () => {
  test('binds a socket for each slot, steered by the ring, and gives a duplicate of each to the acceptor', async () => {
    const own = await open();
    expect(group()).toMatchObject({ first: { host: '127.0.0.1', port: 3000, ipv6Only: false }, backlog: 16 });
    expect(group().tables).toEqual([{ key: ring.key, ipv6Prefix: 56, homes: ring.homeTable() }]);
    expect(thread.take()).toEqual(['add(7,1000)', 'add(7,1001)', 'add(7,1002)']);
    expect(
      [...own].map(({ slot, source, handle, accepting }) => [slot, source, handle.fd, accepting]),
    ).toEqual([
      [0, 0, 2000, false],
      [1, 1, 2001, false],
      [2, 2, 2002, false],
    ]);
    expect(own.at(1)).toBe([...own][1]);
    expect(own.at(3)).toBeUndefined();
    expect(own.bound).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 1000 });
    expect(own.isInherited).toBe(false);
  });

  test('registers its descriptors, and a transfer releases them', async () => {
    await open();
    expect(sockets.transferable()).toEqual([
      { key: 'tcp:3000', descriptors: [1000, 1001, 1002], managed: false },
    ]);
    thread.take();
    sockets.transfer();
    expect(thread.take()).toEqual(['remove(0,false)', 'remove(1,false)', 'remove(2,false)']);
    expect([group().closed, sockets.transferable()]).toEqual([1, []]);
  });

  test.each([
    [
      systemError('setsockopt', 'ENOMEM'),
      'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      /larger than net\.core\.optmem_max/,
    ],
    [
      systemError('setsockopt', 'ENOPROTOOPT'),
      'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      /no SO_ATTACH_REUSEPORT_CBPF/,
    ],
    [systemError('bind', 'EADDRINUSE'), 'ERR_LIMPET_ADDRESS_IN_USE', /another process/],
  ])('is refused with %s', async (error, code, message) => {
    binding.groupError = error;
    await expect(open()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      cause: error,
    });
    expect(sockets.transferable()).toEqual([]);
  });

  test('that fails half-way closes every socket', async () => {
    thread.addError = systemError('fcntl', 'EMFILE');
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      message: expect.stringContaining('fcntl says EMFILE'),
    });
    expect([group().closed, sockets.transferable()]).toEqual([1, []]);
  });

  test('that cannot learn its address releases what it has opened', async () => {
    const error = systemError('getsockname', 'EBADF');
    vi.spyOn(binding, 'boundAddress').mockImplementation(() => {
      throw error;
    });
    await expect(open()).rejects.toMatchObject({ cause: error });
    expect(thread.take().slice(3)).toEqual(['remove(0,false)', 'remove(1,false)', 'remove(2,false)']);
    expect([closedHandles, group().closed, sockets.transferable()]).toEqual([[2000, 2001, 2002], 1, []]);
  });
});

describe('inherited sockets', () => {
  beforeEach(() => {
    start({ key: 'tcp:3000', descriptors: [61, 62], managed: false });
  });

  test('keep the old primary’s program until this one takes over', async () => {
    const own = await open();
    expect(group()).toMatchObject({ first: { descriptors: Int32Array.of(61, 62) }, backlog: 16, tables: [] });
    expect([own.isInherited, slotsOf(own)]).toEqual([true, [0, 1]]);
    ring.resize(4);
    own.steer(ring);
    expect([group().tables, slotsOf(own)]).toEqual([[], [0, 1]]);
    own.takeOver();
    expect(group().tables).toEqual([{ key: ring.key, ipv6Prefix: 56, homes: ring.homeTable() }]);
    expect([own.isInherited, slotsOf(own)]).toEqual([false, [0, 1, 2, 3]]);
    own.takeOver();
    expect(group().tables).toHaveLength(1);
  });

  test('stay inherited if the kernel refuses the program', async () => {
    const own = await open();
    group().resizeError = systemError('setsockopt', 'ENOMEM');
    expect(() => own.takeOver()).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_NATIVE' }));
    expect(own.isInherited).toBe(true);
    group().resizeError = undefined;
    own.takeOver();
    expect(own.isInherited).toBe(false);
  });

  test('of slots that this ring does not have are retired at the takeover', async () => {
    ring.resize(1);
    const own = await open();
    own.takeOver();
    expect([...own].map(({ retiredAt }) => retiredAt !== undefined)).toEqual([false, true]);
    vi.advanceTimersByTime(60_000);
    expect(slotsOf(own)).toEqual([0]);
  });

  test('are not taken over after they were released', async () => {
    const own = await open();
    own.release();
    own.takeOver();
    expect([own.isInherited, group().tables]).toEqual([true, []]);
  });
});

describe('steer', () => {
  test('replaces the program only if the homes have changed', async () => {
    const own = await open();
    ring.down(1);
    own.steer(ring);
    expect(group().tables).toHaveLength(1);
    ring.resize(2);
    own.steer(ring);
    own.steer(ring);
    expect(group().tables).toHaveLength(2);
    expect(group().tables[1]?.homes).toEqual(ring.homeTable());
    expect(slotsOf(own)).toEqual([0, 1, 2]);
  });

  test('adds a socket for each new slot', async () => {
    const own = await open();
    thread.take();
    ring.resize(5);
    own.steer(ring);
    expect(thread.take()).toEqual(['add(7,1003)', 'add(7,1004)']);
    expect(slotsOf(own)).toEqual([0, 1, 2, 3, 4]);
    expect(sockets.transferable()).toMatchObject([{ descriptors: [1000, 1001, 1002, 1003, 1004] }]);
  });

  test('that is refused half-way closes the sockets that were added, and works the next time', async () => {
    const own = await open();
    ring.resize(5);
    const cause = systemError('setsockopt', 'ENOMEM');
    group().resizeError = cause;
    expect(() => own.steer(ring)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_NATIVE',
        message: expect.stringMatching(/does not take a ring of 5 slots.*optmem_max.*by the old one/),
        facts: { slots: 5 },
        cause,
      }),
    );
    expect(slotsOf(own)).toEqual([0, 1, 2]);
    expect(group().size).toBe(3);
    group().resizeError = undefined;
    own.steer(ring);
    expect(group().tables).toHaveLength(2);
    expect(slotsOf(own)).toEqual([0, 1, 2, 3, 4]);
  });

  test('after the release does nothing', async () => {
    const own = await open();
    own.release();
    ring.resize(5);
    own.steer(ring);
    expect([group().tables.length, slotsOf(own)]).toEqual([1, []]);
  });
});

describe('a prepared change', () => {
  const larger = (slots: number) => new SlotRing({ slots, buckets: ring.buckets, key: ring.key });

  test('is committed by steer: no second program', async () => {
    const own = await open();
    own.prepare(larger(5));
    ring.resize(5);
    own.steer(ring);
    expect(group().tables).toHaveLength(2);
    expect(slotsOf(own)).toEqual([0, 1, 2, 3, 4]);
  });

  test('that is aborted brings the old program back, and closes the new sockets', async () => {
    const own = await open();
    own.prepare(larger(5));
    own.abort();
    expect(slotsOf(own)).toEqual([0, 1, 2]);
    expect(group().size).toBe(3);
    expect(group().tables.at(-1)?.homes).toEqual(ring.homeTable());
  });

  test('that the kernel refuses leaves sockets and program as they were', async () => {
    const own = await open();
    group().resizeError = systemError('setsockopt', 'E2BIG');
    expect(() => own.prepare(larger(5))).toThrow('does not take a ring of 5 slots');
    expect(slotsOf(own)).toEqual([0, 1, 2]);
    expect(group().tables).toHaveLength(1);
  });

  test('after the release is a no-op', async () => {
    const own = await open();
    own.release();
    own.prepare(larger(5));
    own.abort();
    expect(slotsOf(own)).toEqual([]);
  });
});

describe('retire', () => {
  /** Changes the number of slots as `updateRing` of the handoff does. */
  function resize(own: SlotSockets, slots: number): void {
    ring.resize(slots);
    own.steer(ring);
    own.retire();
  }

  test('closes the last sockets 60 s after their slots were removed, and drains them first', async () => {
    const own = await open();
    resize(own, 1);
    thread.take();
    vi.advanceTimersByTime(59_999);
    expect(slotsOf(own)).toEqual([0, 1, 2]);
    vi.advanceTimersByTime(1);
    expect(slotsOf(own)).toEqual([0]);
    expect(thread.take()).toEqual(['remove(2,true)', 'remove(1,true)']);
    expect([closedHandles, group().size, vi.getTimerCount()]).toEqual([[2002, 2001], 1, 0]);
  });

  test('keeps the socket of a slot that came back, whose minute starts again', async () => {
    const own = await open();
    resize(own, 2);
    vi.advanceTimersByTime(30_000);
    resize(own, 3);
    expect([own.at(2)?.retiredAt, vi.getTimerCount()]).toEqual([undefined, 0]);
    vi.advanceTimersByTime(60_000);
    resize(own, 2);
    vi.advanceTimersByTime(59_999);
    expect(slotsOf(own)).toEqual([0, 1, 2]);
    vi.advanceTimersByTime(1);
    expect(slotsOf(own)).toEqual([0, 1]);
  });

  test('keeps a socket whose slot has a worker, and all sockets before it', async () => {
    const own = await open();
    workers.add(2);
    resize(own, 1);
    vi.advanceTimersByTime(60_000);
    expect(slotsOf(own)).toEqual([0, 1, 2]);
    workers.delete(2);
    workers.add(1);
    vi.advanceTimersByTime(60_000);
    expect(slotsOf(own)).toEqual([0, 1]);
    workers.delete(1);
    vi.advanceTimersByTime(60_000);
    expect(slotsOf(own)).toEqual([0]);
  });

  test('keeps the time of an earlier removal', async () => {
    const own = await open();
    resize(own, 2);
    vi.advanceTimersByTime(40_000);
    resize(own, 1);
    vi.advanceTimersByTime(20_000);
    resize(own, 1);
    expect(slotsOf(own)).toEqual([0, 1]);
  });

  test('sets a timer that does not keep the process alive, and none if every slot is there', async () => {
    const own = await open();
    own.retire();
    expect(vi.getTimerCount()).toBe(0);
    const timer = { unref: vi.fn() };
    const set = vi.spyOn(globalThis, 'setTimeout').mockReturnValueOnce(timer as never);
    resize(own, 2);
    expect(set).toHaveBeenLastCalledWith(expect.any(Function), 60_000);
    expect(timer.unref).toHaveBeenCalledOnce();
    set.mockRestore();
  });

  test('has at most one timer, which stopRetiring ends', async () => {
    const own = await open();
    resize(own, 2);
    resize(own, 2);
    expect(vi.getTimerCount()).toBe(1);
    own.stopRetiring();
    vi.advanceTimersByTime(120_000);
    expect(slotsOf(own)).toEqual([0, 1, 2]);
  });
});

test('release closes every socket once, and accepts nothing more', async () => {
  const own = await open();
  thread.take();
  own.release();
  own.release();
  expect(thread.take()).toEqual(['remove(0,false)', 'remove(1,false)', 'remove(2,false)']);
  expect([closedHandles, group().closed, sockets.transferable(), slotsOf(own)]).toEqual([
    [2000, 2001, 2002],
    1,
    [],
    [],
  ]);
});
