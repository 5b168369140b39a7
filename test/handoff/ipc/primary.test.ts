import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { packTrust } from '../../../src/affinity/trust.ts';
import type { BoundAddress, RawHandle } from '../../../src/connection.ts';
import { BusiestClient } from '../../../src/handoff/busiest-client.ts';
import type { PendingSettings, Placement } from '../../../src/handoff/ipc/pending-heads.ts';
import { IpcPrimary, type IpcSettings } from '../../../src/handoff/ipc/primary.ts';
import { ListeningSockets } from '../../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { addresses } from '../../processes/clients.ts';
import { FakeWorker } from '../fake-binding.ts';

const clock = vi.hoisted(() => ({ now: 0 }));
vi.mock(import('../../../src/handoff/ipc/protocol.ts'), () => ({ sharedClockMs: () => clock.now }));

/** The listeners of the primary: a test makes connections come. */
const listeners = vi.hoisted(() => ({
  connect: (_handle: unknown, _slot?: number) => {},
  calls: [] as string[],
  isOpen: true,
}));
vi.mock(import('../../../src/handoff/ipc/listeners.ts'), async () => ({
  IpcListeners: class {
    constructor(_settings: unknown, onConnection: (handle: RawHandle, slot: number | undefined) => void) {
      listeners.connect = onConnection as typeof listeners.connect;
    }
    async open(slots: number): Promise<BoundAddress> {
      listeners.calls.push(`open(${slots})`);
      return { path: '/here' };
    }
    async openDirectPorts(slots: number): Promise<void> {
      listeners.calls.push(`openDirectPorts(${slots})`);
    }
    start(): void {
      listeners.calls.push('start()');
    }
    async close(timeoutMs: number): Promise<boolean> {
      listeners.calls.push(`close(${timeoutMs})`);
      return listeners.isOpen;
    }
  } as never,
}));

/** The connections whose heads are awaited: a test places or refuses them. */
const heads = vi.hoisted(() => ({
  place: (_handle: unknown, _placement: unknown) => {},
  refuse: (_refusal: string) => {},
  admitted: [] as unknown[][],
  dropped: [] as boolean[],
  size: 0,
  toDrop: 0,
}));
vi.mock(import('../../../src/handoff/ipc/pending-heads.ts'), async () => ({
  PendingHeads: class {
    constructor(_settings: unknown, onPlaced: typeof heads.place, onRefused: typeof heads.refuse) {
      heads.place = onPlaced;
      heads.refuse = onRefused;
    }
    get size(): number {
      return heads.size;
    }
    admit(...args: unknown[]): void {
      heads.admitted.push(args);
    }
    drop(all: boolean): number {
      heads.dropped.push(all);
      return heads.toDrop;
    }
  } as never,
}));

const key = Buffer.from('limpets!');
let ring: SlotRing;
let primary: IpcPrimary;
let workers: FakeWorker[];
let events: string[];
let busiest: BusiestClient;
beforeEach(() => {
  vi.useFakeTimers();
  clock.now = 10_000;
  listeners.calls = [];
  listeners.isOpen = true;
  Object.assign(heads, { admitted: [], dropped: [], size: 0, toDrop: 0 });
  events = [];
  busiest = new BusiestClient();
  workers = [0, 1].map((slot) => new FakeWorker(slot));
  start();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(settings: Partial<IpcSettings> = {}): void {
  ring = new SlotRing({ slots: 2, key });
  primary = new IpcPrimary(ring, {
    sockets: new ListeningSockets(),
    key: 'here',
    address: { host: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false },
    queueMax: 6,
    refused: (slot, reason) => events.push(`refused ${slot} ${reason}`),
    handed: (slot, home) => events.push(`handed ${slot} ${home}`),
    taken: (slot, latencyMs) => events.push(`taken ${slot} ${latencyMs}`),
    rejected: (refusal) => events.push(`rejected ${refusal}`),
    newClients: 'ring',
    busiest,
    maxLoad: 0,
    ...settings,
  });
}

const attachAll = () => {
  for (const worker of workers) primary.attach(worker);
};
const addressOf = (slot: number, skip = 0) =>
  addresses(50).filter((address) => ring.homeOfAddress(address) === slot)[skip] as string;

function handleFrom(address: string, fd: number, port = 4711): RawHandle {
  const getpeername = (out: { address?: string; port?: number }) => {
    Object.assign(out, { address, port });
    return 0;
  };
  return { fd, getpeername, close: () => events.push(`closed ${fd}`) } as unknown as RawHandle;
}

/** Connections of clients whose home is the slot, with these descriptors. */
function connect(slot: number, ...descriptors: number[]): void {
  for (const fd of descriptors) listeners.connect(handleFrom(addressOf(slot), fd));
}

const descriptorsSentTo = (worker: FakeWorker | undefined) => worker?.sent.map(({ handle }) => handle?.fd);
const [first, second] = [() => workers[0] as FakeWorker, () => workers[1] as FakeWorker];
/** Whether the promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = {};
  await vi.advanceTimersByTimeAsync(0);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test('open listens for the slots of the ring, and starts to probe', async () => {
  expect(primary.name).toBe('ipc');
  expect(await primary.open()).toEqual({ path: '/here' });
  await primary.openDirectPorts(3);
  expect(listeners.calls).toEqual(['open(2)', 'openDirectPorts(3)']);
  attachAll();
  expect(listeners.calls.slice(2)).toEqual(['start()', 'start()']);
  connect(0, 1);
  first().take();
  clock.now += 501;
  vi.advanceTimersByTime(500);
  expect(first().take()).toEqual([{ probe: 1 }]);
});

describe('a connection', () => {
  test('goes to the worker of its home, and waits if there is none', () => {
    connect(0, 1, 2);
    connect(1, 3);
    expect([primary.queued(0), primary.queued(1)]).toEqual([2, 1]);
    attachAll();
    expect([descriptorsSentTo(first()), descriptorsSentTo(second())]).toEqual([[1, 2], [3]]);
    expect([primary.queued(0), primary.queued(1)]).toEqual([0, 0]);
    expect(events).toEqual(['handed 0 0', 'handed 0 0', 'handed 1 1']);
  });

  test('by a direct port goes to the worker of the port’s slot', () => {
    attachAll();
    listeners.connect(handleFrom(addressOf(0), 5), 1);
    expect(descriptorsSentTo(second())).toEqual([5]);
    expect(busiest.seen).toBe(0);
  });

  test('that is taken is closed here, and its latency counts from its placement', () => {
    attachAll();
    connect(0, 1);
    clock.now += 30;
    primary.received(first(), { took: 1 });
    primary.received(first(), { took: 1 });
    expect(events).toEqual(['handed 0 0', 'closed 1', 'taken 0 30']);
  });

  test('beyond the four in flight is sent when one is taken', () => {
    attachAll();
    connect(0, 1, 2, 3, 4, 5);
    expect(descriptorsSentTo(first())).toEqual([1, 2, 3, 4]);
    primary.received(first(), { took: 2 });
    expect(descriptorsSentTo(first())).toEqual([1, 2, 3, 4, 5]);
  });

  test('that is returned is queued again', () => {
    attachAll();
    connect(0, 1);
    primary.received(first(), { returned: 1 });
    primary.received(first(), { returned: 1 });
    expect(descriptorsSentTo(first())).toEqual([1, 1]);
  });

  test('whose handle was lost on the way is sent again', () => {
    attachAll();
    connect(0, 1, 2, 3);
    primary.received(first(), { took: 1 });
    first().take();
    primary.received(first(), { reached: 2 });
    expect(first().sent.map(({ message, handle }) => [message.seq, handle?.fd])).toEqual([[4, 2]]);
  });

  test('of a full queue is refused', () => {
    connect(0, 1, 2, 3, 4, 5, 6, 7);
    expect(events).toEqual(['closed 7', 'refused 0 queue full']);
  });
});

describe('a worker that exits', () => {
  test('leaves the connections that it had not taken to the next worker', () => {
    attachAll();
    connect(0, 1, 2);
    primary.received(first(), { took: 1 });
    primary.detach(first(), true);
    expect(primary.queued(0)).toBe(1);
    const next = new FakeWorker(0, 7);
    primary.attach(next);
    expect(descriptorsSentTo(next)).toEqual([2]);
  });

  test('and drains before keeps its connections until it exits', () => {
    attachAll();
    connect(0, 1);
    primary.detach(first(), false);
    expect(primary.queued(0)).toBe(0);
    connect(0, 2);
    expect(descriptorsSentTo(first())).toEqual([1]);
    primary.detach(first(), true);
    expect(primary.queued(0)).toBe(2);
  });
});

describe('a slot', () => {
  test('that is removed keeps the connections that were sent to it, until its worker takes or returns them', () => {
    attachAll();
    connect(1, 1, 2);
    ring.resize(1);
    primary.updateRing(ring);
    // The worker's answers may be in flight.
    expect(descriptorsSentTo(first())).toEqual([]);
    primary.received(second(), { took: 1 });
    expect(descriptorsSentTo(first())).toEqual([]);
    primary.received(second(), { returned: 2 });
    expect(descriptorsSentTo(first())).toEqual([2]);
  });

  test('whose worker hangs loses its connections to the fallback, and the worker must drop them', () => {
    attachAll();
    connect(1, 1);
    ring.down(1);
    primary.updateRing(ring);
    expect(descriptorsSentTo(first())).toEqual([1]);
    primary.received(second(), { mayTake: 1 });
    expect(second().sent.at(-1)?.message).toEqual({ drop: 1 });
    expect(events.filter((event) => event.startsWith('closed'))).toEqual([]);
  });
});

describe('a worker that asks for a connection', () => {
  test('may take it if it still has it', () => {
    attachAll();
    connect(1, 1);
    clock.now += 5;
    primary.received(second(), { mayTake: 1 });
    expect(second().sent.at(-1)?.message).toEqual({ take: 1 });
    expect(events).toEqual(['handed 1 1', 'closed 1', 'taken 1 5']);
  });

  test('must drop it if it drains', () => {
    attachAll();
    connect(1, 1);
    ring.resize(1);
    primary.updateRing(ring);
    primary.detach(second(), false);
    primary.received(second(), { mayTake: 1 });
    expect(second().sent.at(-1)?.message).toEqual({ drop: 1 });
    expect(descriptorsSentTo(first())).toEqual([1]);
  });
});

describe('with maxLoad', () => {
  test('connections that are open, in flight or waiting count, and closed ones do not', () => {
    start({ maxLoad: 1.5 });
    attachAll();
    connect(0, 1, 2);
    primary.received(first(), { took: 1 });
    primary.detach(first(), false);
    // The bound for the third and the fourth is ceil(1.5 * 3 / 2) = ceil(1.5 * 4 / 2) = 3.
    connect(0, 3, 4);
    expect(primary.queued(0)).toBe(1);
    expect(descriptorsSentTo(second())).toEqual([4]);
  });

  test('a closed connection makes room', () => {
    start({ maxLoad: 1.05 });
    attachAll();
    connect(0, 1, 2);
    primary.received(first(), { took: 1 });
    primary.received(first(), { took: 2 });
    primary.received(first(), { closed: 1 });
    // The bound for the third is ceil(1.05 * 2 / 2) = 2. With two open connections the worker would have reached it.
    connect(0, 3);
    expect(descriptorsSentTo(first())).toEqual([1, 2, 3]);
  });

  test('a connection that was taken on request counts as open', () => {
    start({ maxLoad: 1.05 });
    attachAll();
    connect(0, 1, 2);
    primary.received(first(), { mayTake: 1 });
    primary.received(first(), { mayTake: 2 });
    first().take();
    // The bound for the third is ceil(1.05 * 3 / 2) = 2.
    connect(0, 3);
    expect([descriptorsSentTo(first()), descriptorsSentTo(second())]).toEqual([[], [3]]);
  });

  test('a slot that is down is no alternative', () => {
    start({ maxLoad: 1.05 });
    attachAll();
    ring.down(1);
    primary.updateRing(ring);
    connect(0, 1, 2, 3);
    expect(descriptorsSentTo(first())).toEqual([1, 2, 3]);
  });
});

describe('with rules that read heads', () => {
  const pending = {
    headTimeoutMs: 5000,
    pendingMax: 5,
    pendingPerAddressMax: 3,
  } as unknown as PendingSettings;
  const placement = (more: Partial<Placement> = {}): Placement => ({
    slot: undefined,
    key: Buffer.from('ada'),
    byAddress: false,
    unknown: false,
    client: undefined,
    read: Buffer.from('GET /'),
    ...more,
  });
  beforeEach(() => {
    start({ pending });
  });

  test('a connection is admitted with its peer’s address and port', () => {
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    listeners.connect(handleFrom('203.0.113.7', 1));
    listeners.connect(handleFrom('fe80::1%eth0', 2, 80));
    listeners.connect({ fd: 3 });
    expect(heads.admitted.map(([handle, peer, port]) => [(handle as RawHandle).fd, peer, port])).toEqual([
      [1, Uint8Array.of(...mapped, 203, 0, 113, 7), 4711],
      [2, packTrust('fe80::1').subarray(0, 16), 80],
      [3, new Uint8Array(16), 80],
    ]);
    expect(primary.queued(0) + primary.queued(1)).toBe(0);
  });

  test('a connection by a direct port is not', () => {
    attachAll();
    listeners.connect(handleFrom('203.0.113.7', 1), 1);
    expect([heads.admitted, descriptorsSentTo(second())]).toEqual([[], [1]]);
  });

  test('a placed connection goes to its slot with its client and its bytes', () => {
    attachAll();
    const client = { address: '203.0.113.7', family: 'IPv4', port: 80 } as const;
    heads.place(handleFrom('127.0.0.1', 1), placement({ slot: 1, client }));
    expect(second().sent).toMatchObject([
      { message: { seq: 1, client, read: 'R0VUIC8=' }, handle: { fd: 1 } },
    ]);
    clock.now += 7;
    primary.received(second(), { took: 1 });
    expect(events).toEqual(['handed 1 1', 'closed 1', 'taken 1 7']);
  });

  test('a refusal is counted', () => {
    heads.refuse('silent');
    expect(events).toEqual(['rejected silent']);
  });

  test('close drops the silent ones, waits for the others, and drops those that are left', async () => {
    heads.size = 1;
    heads.toDrop = 2;
    const closed = primary.close(1000);
    expect(await isSettled(closed)).toBe(false);
    expect(heads.dropped).toEqual([false]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await closed).toBe(2);
    expect(heads.dropped).toEqual([false, true]);
  });

  test.each([
    ['refused', () => heads.refuse('head-timeout')],
    [
      'placed and taken',
      () => {
        heads.place(handleFrom('127.0.0.1', 1), placement({ slot: 1 }));
        primary.received(second(), { took: 1 });
      },
    ],
  ])('close resolves when the last pending connection is %s', async (_, end) => {
    attachAll();
    heads.size = 1;
    const closed = primary.close(1000);
    expect(await isSettled(closed)).toBe(false);
    heads.size = 0;
    end();
    expect(await closed).toBe(0);
  });

  test('close resolves when the last pending connection is placed in a full queue', async () => {
    start({ pending, queueMax: 0 });
    heads.size = 1;
    const closed = primary.close(1000);
    expect(await isSettled(closed)).toBe(false);
    heads.size = 0;
    heads.place(handleFrom('127.0.0.1', 1), placement({ slot: 1 }));
    expect(await closed).toBe(0);
    expect(events).toEqual(['closed 1', 'refused 1 queue full']);
  });
});

describe('close', () => {
  test('resolves at once if nothing was listening', async () => {
    listeners.isOpen = false;
    connect(0, 1);
    expect(await primary.close(1000)).toBe(0);
    expect([events, vi.getTimerCount()]).toEqual([[], 0]);
  });

  test('resolves at once if nothing waits', async () => {
    await primary.open();
    attachAll();
    connect(0, 1);
    primary.received(first(), { took: 1 });
    expect(await primary.close(1000)).toBe(0);
    expect([listeners.calls.at(-1), vi.getTimerCount()]).toEqual(['close(1000)', 0]);
  });

  test('resolves when the last connection in flight is taken', async () => {
    await primary.open();
    attachAll();
    connect(0, 1);
    const closed = primary.close(1000);
    expect(await isSettled(closed)).toBe(false);
    primary.received(first(), { took: 1 });
    expect(await closed).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('closes what is left after the timeout, and does not count connections in flight', async () => {
    await primary.open();
    primary.attach(first());
    connect(0, 1);
    connect(1, 2, 3);
    events = [];
    const closed = primary.close(1000);
    await vi.advanceTimersByTimeAsync(999);
    expect(await isSettled(closed)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await closed).toBe(2);
    expect(events).toEqual(['closed 2', 'refused 1 closing', 'closed 3', 'refused 1 closing', 'closed 1']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
