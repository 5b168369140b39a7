import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { beforeEach, describe, expect, it } from 'vitest';
import { clientAddress, markProxied } from '../../../src/adapter/proxied-client.ts';
import { sidMaker } from '../../../src/affinity/socket-io.ts';
import type { AffinityChain, ChainRule } from '../../../src/binding/typescript/affinity-chain.ts';
import type { AffinitySettings } from '../../../src/cluster/protocol.ts';
import { WorkerAffinity } from '../../../src/cluster/worker/worker-affinity.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { FakeAdapter, FakeHttpAdapter } from './fake-adapter.ts';

const sidKey = Buffer.alloc(16, 7);
const seal = { name: 'limpet', node: 'here', key: Buffer.alloc(16, 3), hoursMax: 24 };
const ring = { slots: 2, buckets: 64, key: Buffer.alloc(8, 5), ipv6Prefix: 64 as const };
const header: ChainRule = { kind: 'header', name: 'x-user' };
const address: ChainRule = { kind: 'address' };

function chainOf(...rules: ChainRule[]): AffinityChain {
  const proxyHeader = { use: 'ignored' as const, optional: true, trust: new Uint8Array() };
  return { rules, proxyHeader, cookie: seal, sidKey, headBytesMax: 16_384 };
}

/** A worker in slot 0 with worker index 300. Its peer in slot 1 has worker index 11. */
function affinityOf(settings: Partial<AffinitySettings>): WorkerAffinity {
  const all: AffinitySettings = {
    cookie: undefined,
    sidKey,
    proxied: false,
    forwarding: undefined,
    ...settings,
  };
  return new WorkerAffinity(serialize(all).toString('base64'), 0, 300);
}
const forwardingBy = (...rules: ChainRule[]) => ({ directory: '/run/l', chain: chainOf(...rules), ring });
const table = {
  slots: 2,
  down: [],
  processes: [
    { slot: 0, workerIndex: 300, attached: true },
    { slot: 1, workerIndex: 11, attached: true },
  ],
};

/** A name that the ring gives to the slot. */
function userOf(slot: number): string {
  const slots = new SlotRing(ring);
  for (let i = 0; ; i++) if (slots.slotOfHash(slots.hashOfKey(`user ${i}`)) === slot) return `user ${i}`;
}
const [ownUser, otherUser] = [userOf(0), userOf(1)];

function connection(): Socket {
  return { remoteAddress: '192.0.2.1' } as Socket;
}
function request(socket: Socket, headers: Record<string, string>, url = '/'): IncomingMessage {
  const rawHeaders = Object.entries(headers).flat();
  return { method: 'GET', url, headers, rawHeaders, socket } as unknown as IncomingMessage;
}

type PeerOf = (request: IncomingMessage, direct: boolean) => string | undefined;
const peerPath = join('/run/l', '4-11.sock');

/** Makes listener 4 forward. Returns the function that finds the peer of a request. */
function forwarding(affinity: WorkerAffinity, loadBounded = false): PeerOf {
  const adapter = new FakeHttpAdapter();
  affinity.forwardRequests(adapter, 4, loadBounded, () => {});
  return adapter.argumentsOf('forwardRequests')[1] as PeerOf;
}

// This test comes first, because the trust holds for the rest of the process.
it('PROXY headers are trusted if the router accepts them, and not before', () => {
  const response = {
    getRemoteAddress: () => Uint8Array.of(192, 0, 2, 1).buffer,
    getProxiedRemoteAddress: () => Uint8Array.of(203, 0, 113, 7).buffer,
  };
  affinityOf({ proxied: false });
  expect(clientAddress(response)).toBe('192.0.2.1');
  affinityOf({ proxied: true });
  expect(clientAddress(response)).toBe('203.0.113.7');
});

describe('forwardRequests()', () => {
  let opened: number;
  const open = () => opened++;
  beforeEach(() => {
    opened = 0;
  });

  it('opens at once if no rule reads requests', () => {
    const adapter = new FakeHttpAdapter();
    const affinity = affinityOf({});
    affinity.update(table);
    affinity.forwardRequests(adapter, 4, false, open);
    expect([opened, adapter.calls]).toEqual([1, []]);
  });

  it('opens at once if the server cannot forward', () => {
    const adapter = new FakeAdapter();
    affinityOf({ forwarding: forwardingBy(header, address) }).forwardRequests(adapter, 4, false, open);
    expect([opened, adapter.calls]).toEqual([1, []]);
  });

  it('makes the server listen for peers, and opens when it does', () => {
    const adapter = new FakeHttpAdapter();
    affinityOf({ forwarding: forwardingBy(header, address) }).forwardRequests(adapter, 4, false, open);
    const [path, , whenOpen] = adapter.argumentsOf('forwardRequests') as [string, PeerOf, () => void];
    expect([path, opened]).toEqual([join('/run/l', '4-300.sock'), 0]);
    whenOpen();
    expect(opened).toBe(1);
  });

  it('forwards each request of a connection by its own client', () => {
    const affinity = affinityOf({ forwarding: forwardingBy(header, address) });
    affinity.update(table);
    const peerOf = forwarding(affinity);
    const socket = connection();
    const peers = [otherUser, ownUser, otherUser].map((user) =>
      peerOf(request(socket, { 'x-user': user }), false),
    );
    expect(peers).toEqual([peerPath, undefined, peerPath]);
  });

  it('forwards nothing before the first table has come', () => {
    const peerOf = forwarding(affinityOf({ forwarding: forwardingBy(header, address) }));
    expect(peerOf(request(connection(), { 'x-user': otherUser }), false)).toBeUndefined();
  });

  it('forwards no key of a request that came by a direct port', () => {
    const affinity = affinityOf({ forwarding: forwardingBy(header, address) });
    affinity.update(table);
    expect(forwarding(affinity)(request(connection(), { 'x-user': otherUser }), true)).toBeUndefined();
  });

  it('with a bound on the load, the first client of a connection stays, and others do not', () => {
    const affinity = affinityOf({ forwarding: forwardingBy(header, address) });
    affinity.update(table);
    const peerOf = forwarding(affinity, true);
    const socket = connection();
    const ask = (user: string) => peerOf(request(socket, { 'x-user': user }), false);
    expect([ask(otherUser), ask(ownUser), ask(otherUser)]).toEqual([undefined, undefined, undefined]);
    const other = connection();
    expect(peerOf(request(other, { 'x-user': ownUser }), false)).toBeUndefined();
    expect(peerOf(request(other, { 'x-user': otherUser }), false)).toBe(peerPath);
  });

  it('with a bound on the load, a session goes to its process all the same', () => {
    const affinity = affinityOf({ forwarding: forwardingBy({ kind: 'sid' }, address) });
    affinity.update(table);
    const sid = sidMaker(sidKey, 1, 11)();
    expect(forwarding(affinity, true)(request(connection(), {}, `/?sid=${sid}`), false)).toBe(peerPath);
  });

  it('behind a PROXY header, only rules ahead of proxy-protocol are read again', () => {
    const rules = [{ kind: 'proxy-protocol' } as const, header, address];
    const affinity = affinityOf({ proxied: true, forwarding: forwardingBy(...rules) });
    affinity.update(table);
    const peerOf = forwarding(affinity);
    const [plain, proxied] = [connection(), connection()];
    markProxied(proxied);
    expect(peerOf(request(plain, { 'x-user': otherUser }), false)).toBe(peerPath);
    expect(peerOf(request(proxied, { 'x-user': otherUser }), false)).toBeUndefined();
  });
});

describe('setCookies()', () => {
  it('does nothing if affinity has no cookie', () => {
    const adapter = new FakeHttpAdapter();
    const affinity = affinityOf({});
    affinity.setCookies(adapter);
    expect([affinity.cookies, adapter.calls]).toEqual([undefined, []]);
  });

  it('does nothing for a server whose requests cannot be seen', () => {
    const affinity = affinityOf({ cookie: { seal, attributes: {} } });
    expect(() => affinity.setCookies(new FakeAdapter())).not.toThrow();
    expect(affinity.cookies).toBeDefined();
  });

  it('sets the cookie of this slot on each response', () => {
    const adapter = new FakeHttpAdapter();
    affinityOf({ cookie: { seal, attributes: {} } }).setCookies(adapter);
    const [hook] = adapter.argumentsOf('eachRequest') as [(request: unknown, response: unknown) => void];
    const set: unknown[] = [];
    const response = {
      headersSent: false,
      appendHeader: (...args: unknown[]) => set.push(args),
      writeHead: () => {},
    };
    hook(request(connection(), {}), response);
    response.writeHead();
    expect(set).toEqual([['Set-Cookie', expect.stringMatching(/^limpet=/)]]);
  });
});

it('makeSid() names this slot, and the worker index modulo 256', () => {
  const sid = Buffer.from(affinityOf({}).makeSid(), 'base64url');
  expect([sid.length, sid[8], sid[9]]).toEqual([15, 0, 300 % 256]);
});
