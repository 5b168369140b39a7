import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type HandoffBinding, handoffBinding } from '../../../src/binding/handoff-binding.ts';
import type { BoundAddress, ListenAddress, RawHandle } from '../../../src/connection.ts';
import { RawListener } from '../../../src/handoff/ipc/raw-listener.ts';
import { type InheritedSockets, ListeningSockets } from '../../../src/handoff/listening-sockets.ts';

const binding = vi.hoisted(() => ({ isNative: true }));
vi.mock(import('../../../src/binding/native.ts'), async (original) => {
  const native = await original();
  return {
    ...native,
    bindingReport: () =>
      binding.isNative ? native.bindingReport() : ({ kind: 'twin', reason: 'a test' } as const),
  };
});
/** Every server that was created. */
const servers = vi.hoisted(() => [] as Server[]);
vi.mock('node:net', async (original) => {
  const net = await original<typeof import('node:net')>();
  const create = (...args: Parameters<typeof createServer>) => {
    const server = net.createServer(...args);
    servers.push(server);
    return server;
  };
  return { ...net, createServer: create };
});
const published = vi.hoisted(() => [] as unknown[]);
vi.mock(import('../../../src/diagnostics.ts'), async (original) => ({
  ...(await original()),
  publish: (name, payload) => void published.push([name, payload()]),
}));

const tcp: ListenAddress = { port: 0, host: '127.0.0.1', ipv6Only: false, backlog: 16 };
const addon = handoffBinding();
/** A test that needs the addon. */
const withAddon = (name: string, run: (addon: HandoffBinding) => Promise<void>) =>
  test(name, async ({ skip }) => {
    if (!addon) skip('no native addon here: npm run build:native makes it');
    else await run(addon);
  });
/** A test with a unix socket that the addon binds. The mutation test runs in worker threads. */
const withUnixSocket = (name: string, run: (addon: HandoffBinding) => Promise<void>) =>
  test(name, async ({ skip }) => {
    if (!addon) skip('no native addon here: npm run build:native makes it');
    else if (!isMainThread) skip('at the end of a worker thread, Node closes the descriptor a second time');
    else await run(addon);
  });
let folder: string;
let listeners: RawListener[];
let clients: Socket[];
let handles: RawHandle[];
beforeEach(() => {
  binding.isNative = addon !== null;
  published.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'limpet-'));
  listeners = [];
  clients = [];
  handles = [];
});
afterEach(() => {
  for (const listener of listeners) listener.close();
  for (const client of clients) client.destroy();
  for (const handle of handles) handle.close();
  rmSync(folder, { recursive: true });
});

async function open(
  address: ListenAddress,
  sockets = new ListeningSockets(),
  key = 'here',
): Promise<{ listener: RawListener; sockets: ListeningSockets }> {
  const listener = await RawListener.open({ sockets, key, address }, (handle) => handles.push(handle));
  listeners.push(listener);
  return { listener, sockets };
}

/** Connects, and resolves when the connection is established or has failed. */
function connectTo(bound: BoundAddress): Promise<'connected' | string> {
  return new Promise((resolve) => {
    const client = connect('path' in bound ? { path: bound.path } : { port: bound.port, host: '127.0.0.1' });
    clients.push(client);
    client.on('connect', () => resolve('connected'));
    client.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

async function listening(): Promise<{ server: Server; port: number; fd: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { fd } = (server as unknown as { _handle: RawHandle })._handle;
  return { server, port: (server.address() as { port: number }).port, fd };
}

/** A listening socket of another process: a descriptor that nobody accepts from. */
async function inheritedSocket({ duplicate: copy }: HandoffBinding) {
  const { server, port, fd } = await listening();
  const duplicate = copy(fd);
  server.close();
  return {
    port,
    fd: duplicate,
    inherited: { key: 'here', descriptors: [duplicate], managed: false },
  };
}

test('connections come as bare handles, at the address that the listener reports', async () => {
  const { listener } = await open(tcp);
  expect(listener.bound).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
  expect(await connectTo(listener.bound)).toBe('connected');
  await expect.poll(() => handles.length).toBe(1);
  expect(handles[0]).not.toBeInstanceOf(Socket);
  expect(handles[0]?.fd).toBeGreaterThan(0);
  const peer: { address?: string } = {};
  handles[0]?.getpeername?.(peer);
  expect(peer.address).toBe('127.0.0.1');
  listener.start();
  await connectTo(listener.bound);
  await expect.poll(() => handles.length).toBe(2);
});

test('an address that is in use is an error', async () => {
  const { listener } = await open(tcp);
  const { port } = listener.bound as { port: number };
  await expect(open({ ...tcp, port })).rejects.toMatchObject({
    code: 'ERR_LIMPET_ADDRESS_IN_USE',
    facts: { address: `127.0.0.1:${port}`, systemCode: 'EADDRINUSE' },
  });
});

test('an address without a host listens on every interface', async () => {
  const { listener } = await open({ port: 0, host: undefined, ipv6Only: false, backlog: 16 });
  expect(await connectTo(listener.bound)).toBe('connected');
});

test('a closed listener refuses connections and can no longer be transferred', async () => {
  const { listener, sockets } = await open(tcp);
  expect(sockets.transferable()).toMatchObject([{ key: 'here', managed: false }]);
  listener.close();
  expect(await connectTo(listener.bound)).toBe('ECONNREFUSED');
  expect(sockets.transferable()).toEqual([]);
});

test('its descriptor can be transferred, and the listener closes then', async () => {
  const { listener, sockets } = await open(tcp);
  const [{ descriptors }] = sockets.transferable() as [InheritedSockets];
  expect(descriptors).toHaveLength(1);
  expect(descriptors[0]).toBeGreaterThan(0);
  sockets.transfer();
  expect(await connectTo(listener.bound)).toBe('ECONNREFUSED');
});

describe('with inherited sockets', () => {
  withAddon('accepts only after start, from every socket', async (addon) => {
    const first = await inheritedSocket(addon);
    const second = await inheritedSocket(addon);
    const sockets = new ListeningSockets([first.inherited, second.inherited]);
    const { listener } = await open({ ...tcp, port: first.port }, sockets);
    expect(listener.bound).toMatchObject({ address: '127.0.0.1', family: 'IPv4', port: first.port });
    expect(sockets.transferable()).toEqual([
      { key: 'here', descriptors: [first.fd, second.fd], managed: false },
    ]);
    expect(await connectTo(listener.bound)).toBe('connected');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(handles).toEqual([]);
    listener.start();
    await expect.poll(() => handles.length).toBe(1);
    await connectTo({ ...listener.bound, port: second.port } as BoundAddress);
    await expect.poll(() => handles.length).toBe(2);
    listener.close();
    expect(await connectTo(listener.bound)).toBe('ECONNREFUSED');
  });

  withAddon('a listener that is closed before it starts closes them', async (addon) => {
    const { port, inherited } = await inheritedSocket(addon);
    const { listener, sockets } = await open({ ...tcp, port }, new ListeningSockets([inherited]));
    listener.close();
    expect([await connectTo(listener.bound), sockets.transferable()]).toEqual(['ECONNREFUSED', []]);
  });

  withUnixSocket(
    'the file of a unix socket is removed only if this listener has started and the socket is its own',
    async (addon) => {
      const path = join(folder, 'socket');
      const address = { path, backlog: 16 };
      for (const { starts, managed, remains } of [
        { starts: false, managed: false, remains: true },
        { starts: true, managed: true, remains: true },
        { starts: true, managed: false, remains: false },
      ]) {
        rmSync(path, { force: true });
        const fd = addon.listenExclusively({ path }, 16);
        const sockets = new ListeningSockets([{ key: 'here', descriptors: [fd], managed }]);
        const { listener } = await open(address, sockets);
        expect(listener.bound).toEqual({ path });
        expect(sockets.transferable()).toEqual([{ key: 'here', descriptors: [fd], managed }]);
        if (starts) listener.start();
        listener.close();
        expect(existsSync(path)).toBe(remains);
      }
    },
  );
});

describe('on a unix socket', () => {
  withUnixSocket(
    'the addon binds it, so that it can be transferred; the file is removed at close',
    async () => {
      const path = join(folder, 'socket');
      const { listener, sockets } = await open({ path, backlog: 16 });
      expect(listener.bound).toMatchObject({ path });
      expect(sockets.transferable()).toMatchObject([{ key: 'here', managed: false }]);
      expect(await connectTo(listener.bound)).toBe('connected');
      await expect.poll(() => handles.length).toBe(1);
      listener.close();
      expect(existsSync(path)).toBe(false);
    },
  );

  withUnixSocket('after the transfer its file remains', async () => {
    const path = join(folder, 'socket');
    const { sockets } = await open({ path, backlog: 16 });
    sockets.transfer();
    expect(existsSync(path)).toBe(true);
  });

  test('without an addon Node binds it, and it cannot be transferred', async () => {
    binding.isNative = false;
    const path = join(folder, 'socket');
    const { listener, sockets } = await open({ path, backlog: 16 });
    expect(listener.bound).toEqual({ path });
    expect(sockets.transferable()).toBe('here');
    expect(await connectTo(listener.bound)).toBe('connected');
    await expect.poll(() => handles.length).toBe(1);
  });
});

test('errors of accept and of the server are published', async () => {
  await open(tcp);
  const server = servers.at(-1) as Server & {
    _handle: { onconnection: (status: number, handle: RawHandle | undefined) => void };
  };
  server._handle.onconnection(-24, undefined);
  server._handle.onconnection(0, undefined);
  server._handle.onconnection(-24, {} as RawHandle);
  const error = new Error('EMFILE');
  server.emit('error', error);
  expect(published).toEqual([
    ['limpet:fault', { where: 'accept', error: -24 }],
    ['limpet:fault', { where: 'accept', error: 0 }],
    ['limpet:fault', { where: 'accept', error: -24 }],
    ['limpet:fault', { where: 'listener', error }],
  ]);
  expect(handles).toEqual([]);
});
