import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { CookieIssuer } from '../../../src/affinity/cookie.ts';
import { packTrust } from '../../../src/affinity/trust.ts';
import type { AffinityChain, Refusal } from '../../../src/binding/typescript/affinity-chain.ts';
import type { RawHandle } from '../../../src/connection.ts';
import {
  PendingHeads,
  type PendingSettings,
  type Placement,
} from '../../../src/handoff/ipc/pending-heads.ts';
import { addressBytes, chainOf, hourNow, proxyV2, request, seal } from '../../affinity/heads.ts';

/** The socket that reads from a handle: a test makes it emit, and sees what was done with it. */
class FakeSocket extends EventEmitter {
  _handle: unknown;
  destroyed = false;
  answer: string | undefined;
  isReading = false;
  constructor(readonly options: { handle: RawHandle; allowHalfOpen: boolean; manualStart: boolean }) {
    super();
    this._handle = options.handle;
    sockets.push(this);
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (this._handle) destroyed.push(this.options.handle.fd);
    this.emit('close');
  }
  resume(): this {
    this.isReading = true;
    return this;
  }
  end(answer: string): void {
    this.answer = answer;
  }
}
let sockets: FakeSocket[];
let destroyed: number[];
vi.mock('node:net', async (original) => ({
  ...(await original<typeof import('node:net')>()),
  // A class that is declared above would not be initialized yet.
  Socket: function Socket(options: ConstructorParameters<typeof FakeSocket>[0]) {
    return new FakeSocket(options);
  },
}));

const header = { kind: 'header', name: 'x-user' } as const;
const peer = addressBytes('203.0.113.9');
const head = request('/', 'x-user: ada');
let placed: { readonly fd: number; readonly placement: Placement }[];
let refused: Refusal[];
let stopped: number[];
beforeEach(() => {
  vi.useFakeTimers({ now: hourNow * 3_600_000 + 5 });
  sockets = [];
  destroyed = [];
  placed = [];
  refused = [];
  stopped = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function pendingHeads(chain: AffinityChain = chainOf([header]), more: Partial<PendingSettings> = {}) {
  return new PendingHeads(
    { chain, headTimeoutMs: 5000, pendingMax: 5, pendingPerAddressMax: 3, ...more },
    ({ fd }, placement) => placed.push({ fd, placement }),
    (refusal) => refused.push(refusal),
  );
}

/** Admits a connection and returns its socket. */
function admit(heads: PendingHeads, fd: number, from: Uint8Array = peer): FakeSocket {
  const handle = { fd, readStop: () => stopped.push(fd) } as unknown as RawHandle;
  heads.admit(handle, from, 40_000);
  return sockets.at(-1) as FakeSocket;
}

const sendBytes = (socket: FakeSocket, ...chunks: (string | Buffer)[]): void => {
  for (const chunk of chunks) socket.emit('data', typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
};
const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

describe('a connection that can be placed', () => {
  test('without a byte of the stream is placed before admit returns', () => {
    const heads = pendingHeads(chainOf([]));
    const socket = admit(heads, 7);
    expect(placed).toEqual([
      {
        fd: 7,
        placement: {
          slot: undefined,
          key: peer,
          byAddress: true,
          unknown: true,
          client: undefined,
          read: Buffer.alloc(0),
        },
      },
    ]);
    expect(socket.options).toMatchObject({ allowHalfOpen: true, manualStart: true });
    expect([heads.size, vi.getTimerCount(), socket.listenerCount('data')]).toEqual([0, 0, 0]);
  });

  test('is placed by its head, with every byte that was read, in any portions', () => {
    const heads = pendingHeads();
    const socket = admit(heads, 7);
    const stream = `${head}body`;
    sendBytes(socket, ...head.slice(0, -1), stream.slice(head.length - 1));
    expect(placed).toHaveLength(1);
    expect(placed[0]).toMatchObject({
      fd: 7,
      placement: { byAddress: false, unknown: false, slot: undefined },
    });
    expect(textOf(placed[0]?.placement.key)).toBe('ada');
    expect(textOf(placed[0]?.placement.read)).toBe(stream);
  });

  test('keeps large portions whole', () => {
    const heads = pendingHeads(chainOf([header], undefined, 1 << 20));
    const socket = admit(heads, 7);
    const padding = 'p'.repeat(50_000);
    const stream = request('/', `a: ${padding}`, `b: ${padding}`, 'x-user: ada');
    sendBytes(socket, stream.slice(0, 10), stream.slice(10, 60_000), stream.slice(60_000));
    expect(textOf(placed[0]?.placement.read)).toBe(stream);
  });

  test('gives up its handle: it is no longer read, and the destroyed socket does not close it', () => {
    const heads = pendingHeads();
    const socket = admit(heads, 7);
    sendBytes(socket, head);
    expect([stopped, destroyed, socket.destroyed, socket._handle]).toEqual([[7], [], true, null]);
    expect([heads.size, vi.getTimerCount()]).toEqual([0, 0]);
    expect(socket.eventNames()).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(refused).toEqual([]);
  });

  test('is unknown if only the last rule yields a key', () => {
    const heads = pendingHeads();
    sendBytes(admit(heads, 7), request('/'));
    expect(placed[0]?.placement).toMatchObject({ byAddress: true, unknown: true, key: peer });
  });

  test('has the slot of its cookie, and the key of the next rule', () => {
    const value = new CookieIssuer({ seal, attributes: {} }, 9).value(hourNow);
    const heads = pendingHeads(chainOf([{ kind: 'affinity-cookie' }, header]));
    sendBytes(admit(heads, 7), request('/', `Cookie: limpet=${value}`, 'x-user: ada'));
    sendBytes(admit(heads, 8), request('/', `Cookie: limpet=${value}`));
    expect(
      placed.map(({ placement: { slot, byAddress, unknown } }) => ({ slot, byAddress, unknown })),
    ).toEqual([
      { slot: 9, byAddress: false, unknown: false },
      { slot: 9, byAddress: true, unknown: false },
    ]);
  });

  test('has the first slot if two rules yield one', () => {
    const [first, second] = [9, 3].map((slot) =>
      new CookieIssuer({ seal, attributes: {} }, slot).value(hourNow),
    );
    const heads = pendingHeads(chainOf([{ kind: 'affinity-cookie' }, { kind: 'affinity-cookie' }]));
    sendBytes(admit(heads, 7), request('/', `Cookie: limpet=${first}; limpet=${second}`));
    expect(placed[0]?.placement.slot).toBe(9);
  });

  test('has no slot if the cookie is too old for this hour', () => {
    const value = new CookieIssuer({ seal, attributes: {} }, 9).value(hourNow);
    const heads = pendingHeads(chainOf([{ kind: 'affinity-cookie' }]));
    vi.setSystemTime((hourNow + 169) * 3_600_000);
    sendBytes(admit(heads, 7), request('/', `Cookie: limpet=${value}`));
    expect(placed[0]?.placement.slot).toBeUndefined();
  });

  test.each([
    ['203.0.113.77', 'IPv4'],
    ['2001:db8::7', 'IPv6'],
  ])('has the client %s of its PROXY header, which is taken off the stream', (address, family) => {
    const trust = packTrust('203.0.113.9');
    const heads = pendingHeads(
      chainOf([{ kind: 'proxy-protocol' }], { use: 'consumed', optional: false, trust }),
    );
    const proxyHeader = proxyV2(address, family === 'IPv4' ? '192.0.2.1' : '2001:db8::1');
    sendBytes(admit(heads, 7), Buffer.concat([proxyHeader, Buffer.from(head)]));
    const { placement } = placed[0] as { placement: Placement };
    const { client, key, read, unknown } = placement;
    expect(client).toEqual({ address, family, port: 40_000 });
    expect([key, read.toString(), unknown]).toEqual([addressBytes(address), head, false]);
  });

  test('is placed without a key if it ends before its head is complete', () => {
    const heads = pendingHeads();
    const socket = admit(heads, 7);
    sendBytes(socket, 'GET / HT');
    socket.emit('end');
    expect(placed).toHaveLength(1);
    expect(placed[0]?.placement).toMatchObject({ byAddress: true, read: Buffer.from('GET / HT') });
  });
});

describe('a connection that is refused', () => {
  test('because its head is too large gets the answer, and is closed when the client closes', () => {
    const heads = pendingHeads(chainOf([header], undefined, 1024));
    const socket = admit(heads, 7);
    sendBytes(socket, `GET / HTTP/1.1\r\na: ${'a'.repeat(1100)}`);
    expect(refused).toEqual(['head-too-large']);
    expect(socket.answer).toMatch(/^HTTP\/1\.1 431 /);
    expect([socket.isReading, socket.destroyed, heads.size]).toEqual([true, false, 0]);
    sendBytes(socket, '\r\n\r\n');
    socket.emit('end');
    expect(socket.destroyed).toBe(true);
    expect([refused, placed]).toEqual([['head-too-large'], []]);
  });

  test('is closed 1 s after the answer if the client does not close', () => {
    const heads = pendingHeads(chainOf([header], undefined, 1024));
    const socket = admit(heads, 7);
    sendBytes(socket, `GET / HTTP/1.1\r\na: ${'a'.repeat(1100)}`);
    vi.advanceTimersByTime(999);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(socket.destroyed).toBe(true);
    expect(destroyed).toEqual([7]);
  });

  test('because its head is late gets the answer 408', () => {
    const heads = pendingHeads();
    const socket = admit(heads, 7);
    sendBytes(socket, 'GET');
    vi.advanceTimersByTime(4999);
    expect(refused).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(refused).toEqual(['head-timeout']);
    expect(socket.answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('because it sent nothing is closed without an answer', () => {
    const heads = pendingHeads();
    const socket = admit(heads, 7);
    vi.advanceTimersByTime(5000);
    expect([refused, socket.answer, socket.destroyed, destroyed]).toEqual([['silent'], undefined, true, [7]]);
    expect(heads.size).toBe(0);
  });

  test('because of its PROXY header is closed without an answer', () => {
    const trust = packTrust('203.0.113.9');
    const heads = pendingHeads(
      chainOf([{ kind: 'proxy-protocol' }], { use: 'consumed', optional: false, trust }),
    );
    const socket = admit(heads, 7);
    sendBytes(socket, head);
    expect([refused, socket.answer, socket.destroyed]).toEqual([['proxy-header-missing'], undefined, true]);
  });
});

describe('the limits', () => {
  test('pendingPerAddressMax refuses the oldest connection of the address', () => {
    const heads = pendingHeads();
    const other = admit(heads, 1, addressBytes('203.0.113.1'));
    const own = [2, 3, 4].map((fd) => admit(heads, fd));
    sendBytes(own[0] as FakeSocket, 'GET');
    expect([refused, heads.size]).toEqual([[], 4]);
    admit(heads, 5);
    expect(refused).toEqual(['too-many-pending-from-address']);
    expect(own[0]?.answer).toMatch(/^HTTP\/1\.1 503 /);
    expect([other.destroyed, own[1]?.destroyed, heads.size]).toEqual([false, false, 4]);
  });

  test('pendingMax refuses the oldest connection of all', () => {
    const heads = pendingHeads();
    const all = [1, 2, 3, 4, 5].map((n) => admit(heads, n, addressBytes(`203.0.113.${n}`)));
    expect(refused).toEqual([]);
    admit(heads, 6, addressBytes('203.0.113.6'));
    expect([refused, heads.size]).toEqual([['too-many-pending'], 5]);
    expect(all.map(({ destroyed }) => destroyed)).toEqual([true, false, false, false, false]);
  });

  test('a closed connection no longer counts', () => {
    const heads = pendingHeads();
    const own = [1, 2, 3].map((fd) => admit(heads, fd));
    own[0]?.emit('error', new Error('ECONNRESET'));
    own[0]?.destroy();
    expect([heads.size, vi.getTimerCount()]).toEqual([2, 2]);
    admit(heads, 4);
    expect(refused).toEqual([]);
    for (const socket of sockets) socket.destroy();
    expect(heads.size).toBe(0);
    for (const fd of [5, 6, 7]) admit(heads, fd);
    expect(refused).toEqual([]);
  });

  test('a closed connection leaves the others of its address counted', () => {
    const heads = pendingHeads();
    const own = [1, 2, 3].map((fd) => admit(heads, fd));
    own[0]?.destroy();
    admit(heads, 4);
    admit(heads, 5);
    expect(refused).toEqual(['too-many-pending-from-address']);
    expect(own[1]?.destroyed).toBe(true);
  });

  test('a trusted peer has no limit of its own', () => {
    const trust = packTrust('203.0.113.9');
    const heads = pendingHeads(chainOf([{ kind: 'forwarded', trust, header: 'either' }]));
    for (const fd of [1, 2, 3, 4, 5]) admit(heads, fd);
    expect([refused, heads.size]).toEqual([[], 5]);
    admit(heads, 6);
    expect(refused).toEqual(['too-many-pending']);
  });
});

test('bytes that come after a refusal are ignored', () => {
  const heads = pendingHeads();
  const socket = admit(heads, 7);
  const onData = socket.listeners('data')[0] as (chunk: Buffer) => void;
  vi.advanceTimersByTime(5000);
  onData(Buffer.from(head));
  expect([placed, refused]).toEqual([[], ['silent']]);
});

test('a client that closes without a byte is closed, and is no refusal', () => {
  const heads = pendingHeads();
  const socket = admit(heads, 7);
  socket.emit('end');
  expect([socket.destroyed, heads.size, refused, placed, vi.getTimerCount()]).toEqual([true, 0, [], [], 0]);
});

it('drop closes the connections that sent nothing, or all of them', () => {
  const heads = pendingHeads();
  const [silent, speaking, other] = [1, 2, 3].map((fd) => admit(heads, fd)) as [
    FakeSocket,
    FakeSocket,
    FakeSocket,
  ];
  sendBytes(speaking, 'GET');
  sendBytes(other, 'G');
  expect(heads.drop(false)).toBe(1);
  expect([silent.destroyed, speaking.destroyed, refused]).toEqual([true, false, ['silent']]);
  admit(heads, 4);
  expect(heads.drop(true)).toBe(3);
  expect(refused).toEqual(['silent', 'too-many-pending', 'too-many-pending', 'silent']);
  expect(speaking.answer).toMatch(/^HTTP\/1\.1 503 /);
  expect([heads.size, heads.drop(true)]).toEqual([0, 0]);
});
