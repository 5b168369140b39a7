import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from 'vitest';
import type { BoundAddress, RawHandle } from '../../../src/connection.ts';
import { IpcListeners, type IpcListenersSettings } from '../../../src/handoff/ipc/listeners.ts';
import type { NamedAddress } from '../../../src/handoff/ipc/raw-listener.ts';
import { ListeningSockets } from '../../../src/handoff/listening-sockets.ts';

const clock = vi.hoisted(() => ({ now: 0, perTurn: 0 }));
vi.mock(import('../../../src/handoff/ipc/protocol.ts'), () => ({ sharedClockMs: () => clock.now }));

interface FakeListener {
  readonly on: NamedAddress;
  readonly bound: BoundAddress;
  readonly connect: (fd: number) => void;
  readonly start: Mock<() => void>;
  readonly close: Mock<() => void>;
}
let opened: FakeListener[];
/** Ports that cannot be opened. */
let inUse: number[];
vi.mock('../../../src/handoff/ipc/raw-listener.ts', () => ({
  RawListener: {
    open: async (on: NamedAddress, onConnection: (handle: RawHandle) => void) => {
      const { port } = on.address as { port: number };
      if (inUse.includes(port)) throw new Error(`port ${port} is in use`);
      const listener: FakeListener = {
        on,
        bound: { address: '127.0.0.1', family: 'IPv4', port },
        connect: (fd) => onConnection({ fd } as RawHandle),
        start: vi.fn(),
        close: vi.fn(),
      };
      opened.push(listener);
      return listener;
    },
  },
}));

const address = { port: 3000, host: '127.0.0.1', ipv6Only: false, backlog: 16 };
const direct = { base: 4000, host: '127.0.0.2', ipv6Only: true, backlog: 32, fallback: true };
const sockets = new ListeningSockets();
let connections: [fd: number, slot: number | undefined][];

beforeEach(() => {
  opened = [];
  inUse = [];
  connections = [];
  clock.now = 50_000;
});
afterEach(() => {
  vi.restoreAllMocks();
});

const listenersWith = (more: Partial<IpcListenersSettings> = {}) =>
  new IpcListeners({ sockets, key: 'tcp:3000', address, ...more }, ({ fd }, slot) =>
    connections.push([fd, slot]),
  );
const closes = () => opened.map(({ close }) => close.mock.calls.length);

describe('with a shared address', () => {
  test('one listener is opened, and its connections have no slot', async () => {
    const settings = { sockets, key: 'tcp:3000', address };
    const listeners = listenersWith();
    expect(await listeners.open(4)).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 3000 });
    expect(opened.map(({ on }) => on)).toEqual([settings]);
    opened[0]?.connect(9);
    expect(connections).toEqual([[9, undefined]]);
    await listeners.openDirectPorts(2);
    expect([opened.length, closes()]).toEqual([1, [0]]);
  });
});

describe('with direct ports', () => {
  test('each slot has a listener with a name and a port of its own', async () => {
    const listeners = listenersWith({ direct });
    expect(await listeners.open(2)).toMatchObject({ port: 4000 });
    expect(opened.map(({ on }) => on)).toEqual([
      {
        sockets,
        key: 'direct:4000',
        address: { port: 4000, host: '127.0.0.2', ipv6Only: true, backlog: 32 },
      },
      {
        sockets,
        key: 'direct:4001',
        address: { port: 4001, host: '127.0.0.2', ipv6Only: true, backlog: 32 },
      },
    ]);
    opened[1]?.connect(7);
    opened[0]?.connect(8);
    expect(connections).toEqual([
      [7, 1],
      [8, 0],
    ]);
  });

  test('more slots open the missing ports, fewer slots close the surplus ones', async () => {
    const listeners = listenersWith({ direct });
    await listeners.open(1);
    await listeners.openDirectPorts(3);
    expect(opened.map(({ on }) => on.key)).toEqual(['direct:4000', 'direct:4001', 'direct:4002']);
    await listeners.openDirectPorts(3);
    expect(opened).toHaveLength(3);
    await listeners.openDirectPorts(2);
    expect(closes()).toEqual([0, 0, 1]);
    await listeners.openDirectPorts(3);
    expect(opened[3]?.on.key).toBe('direct:4002');
  });

  test('if one port cannot be opened, the new ones are closed and those before stay open', async () => {
    const listeners = listenersWith({ direct });
    await listeners.open(1);
    inUse = [4002];
    await expect(listeners.openDirectPorts(4)).rejects.toThrow('port 4002 is in use');
    expect(closes()).toEqual([0, 1]);
    inUse = [];
    await listeners.openDirectPorts(2);
    expect(opened[2]?.on.key).toBe('direct:4001');
    listeners.start();
    expect(opened.map(({ start }) => start.mock.calls.length)).toEqual([1, 0, 1]);
  });
});

describe('close', () => {
  /** Lets connections come in the turns of the event loop: so many in each turn. */
  function arrive(...perTurn: number[]): { turns: number } {
    const state = { turns: 0 };
    vi.spyOn(globalThis, 'setImmediate').mockImplementation(((callback: () => void) => {
      for (let i = 0; i < (perTurn[state.turns] ?? 0); i++) opened[0]?.connect(100 + state.turns);
      state.turns += 1;
      clock.now += clock.perTurn;
      queueMicrotask(callback);
    }) as never);
    return state;
  }

  test('accepts until two turns have brought no connection, then closes every listener once', async () => {
    clock.perTurn = 0;
    const listeners = listenersWith({ direct });
    await listeners.open(2);
    const state = arrive(2, 0, 1, 0, 0);
    expect(await listeners.close(5000)).toBe(true);
    expect([state.turns, connections.length, closes()]).toEqual([5, 3, [1, 1]]);
    expect(await listeners.close(5000)).toBe(false);
    expect(closes()).toEqual([1, 1]);
  });

  test.each([
    [5000, 1000],
    [300, 300],
  ])('with a timeout of %i ms accepts for at most %i ms', async (timeoutMs, most) => {
    clock.perTurn = 100;
    const listeners = listenersWith();
    await listeners.open(1);
    const state = arrive(...new Array<number>(50).fill(1));
    expect(await listeners.close(timeoutMs)).toBe(true);
    expect(state.turns * 100).toBe(most);
    expect(closes()).toEqual([1]);
  });

  test('is false if nothing was opened', async () => {
    expect(await listenersWith().close(1000)).toBe(false);
  });
});
