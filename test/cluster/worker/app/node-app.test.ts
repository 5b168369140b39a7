import { createServer as createHttpServer } from 'node:http';
import { createServer, Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppServer } from '../../../../src/adapter/contract.ts';
import type { AppAddress, ListenResult } from '../../../../src/cluster/worker/app/app-address.ts';
import { serveNodeApps } from '../../../../src/cluster/worker/app/node-app.ts';
import type { ListenAddress } from '../../../../src/connection.ts';
import { type ErrorCode, LimpetError } from '../../../../src/errors.ts';

const { listen } = Server.prototype;
/** The arguments of calls that reach Node's own listen(). */
let nodeCalls: unknown[][];
let asked: ListenAddress[];
let served: { server: AppServer; address: ListenAddress; result: ListenResult }[];
/** Whether the asked address is the app's. */
let isAppAddress: boolean;

beforeEach(() => {
  [nodeCalls, asked, served, isAppAddress] = [[], [], [], true];
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    nodeCalls.push(args);
    return this;
  } as typeof listen;
  serveNodeApps({
    resolve: (address: ListenAddress) => {
      asked.push(address);
      return isAppAddress ? address : undefined;
    },
    serve: (server: AppServer, address: ListenAddress, result: ListenResult) =>
      served.push({ server, address, result }),
  } as unknown as AppAddress);
});
afterEach(() => {
  Server.prototype.listen = listen;
  vi.restoreAllMocks();
});

/** Calls listen() of a new http server with these arguments. */
function listenWith(...args: unknown[]): Server {
  const server = createHttpServer();
  expect(Reflect.apply(server.listen, server, args)).toBe(server);
  return server;
}

const port = (number: number, more: object = {}) => ({
  port: number,
  host: undefined,
  ipv6Only: false,
  backlog: 4096,
  ...more,
});

describe('listen() asks limpet for the address of', () => {
  it.each([
    [[], port(0)],
    [[() => {}], port(0)],
    [[3000], port(3000)],
    [['3000'], port(3000)],
    [[3000, '::1'], port(3000, { host: '::1' })],
    [[3000, '::1', 9], port(3000, { host: '::1', backlog: 9 })],
    [[3000, 9], port(3000, { backlog: 9 })],
    [
      [{ port: '3000', host: '::1', ipv6Only: true, backlog: 9 }],
      port(3000, { host: '::1', ipv6Only: true, backlog: 9 }),
    ],
    [[{ port: 3000, host: '' }], port(3000)],
    [[{}], port(0)],
    [['/run/app'], { path: '/run/app', backlog: 4096 }],
    [[{ path: '/run/app', backlog: 9 }], { path: '/run/app', backlog: 9 }],
    [[{ path: '/run/app', port: 3000 }], port(3000)],
    [[{ port: 3000, signal: new AbortController().signal }], port(3000)],
  ])('%j', (args, address) => {
    listenWith(...args);
    expect(asked).toEqual([address]);
    expect(served.map((each) => each.address)).toEqual([address]);
    expect(nodeCalls).toEqual([]);
  });
});

describe('listen() stays Node’s', () => {
  it.each([
    ['a descriptor', [{ fd: 3 }]],
    ['a handle', [{ handle: {} }]],
    ['a server', [{ _handle: {} }]],
    ['a raw handle', [{ listen: () => 0 }]],
    ['a port out of range', [65_536]],
    ['a negative port', [-1]],
    ['a port that is not a whole number', [1.5]],
    ['a port that is no number', [{ port: 'x' }]],
    ['a signal that is none', [{ port: 3000, signal: {} }]],
  ])('for %s', (_, args) => {
    listenWith(...args);
    expect([asked, served, nodeCalls]).toEqual([[], [], [args]]);
  });

  it('for an address that is not the app’s', () => {
    isAppAddress = false;
    listenWith(3000, '::1');
    expect([served, nodeCalls]).toEqual([[], [[3000, '::1']]]);
  });

  it('for a server that already waits for its address', () => {
    const server = listenWith(3000);
    server.listen(3001);
    expect([served.length, nodeCalls]).toEqual([1, [[3001]]]);
  });
});

describe('a server that limpet serves', () => {
  it('calls the callback of listen() when it listens', () => {
    const callback = vi.fn();
    const server = listenWith(3000, callback);
    expect(callback).not.toHaveBeenCalled();
    server.emit('listening');
    server.emit('listening');
    expect(callback).toHaveBeenCalledOnce();
  });

  it('may listen again after its address was bound', () => {
    const server = listenWith(3000);
    served[0]?.result.bound({ address: '::', family: 'IPv6', port: 3000 });
    server.listen(3000);
    expect(served).toHaveLength(2);
  });

  it.each([
    ['ERR_LIMPET_ADDRESS_IN_USE', 'EADDRINUSE'],
    ['ERR_LIMPET_ADDRESS_DENIED', 'EACCES'],
    ['ERR_LIMPET_ADDRESS_UNAVAILABLE', 'EADDRNOTAVAIL'],
    ['ERR_LIMPET_HANDOFF_UNSUPPORTED', 'ERR_LIMPET_HANDOFF_UNSUPPORTED'],
  ] as [ErrorCode, string][])('reports %s as %s, and may listen again', async (code, nodeCode) => {
    const server = listenWith(3000, '::1');
    const errors: unknown[] = [];
    server.on('error', (error) => errors.push(error));
    const cause = new LimpetError(code, 'no');
    served[0]?.result.failed(cause);
    expect(errors, 'not before the next tick').toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([
      expect.objectContaining({
        message: `listen ${nodeCode}: no`,
        code: nodeCode,
        syscall: 'listen',
        address: '::1',
        port: 3000,
        cause,
      }),
    ]);
    server.listen(3000);
    expect(served).toHaveLength(2);
  });

  it('reports the path, and the host that Node would name by default', async () => {
    const errors: unknown[] = [];
    for (const args of [['/run/app'], [3000]]) listenWith(...args).on('error', (error) => errors.push(error));
    for (const { result } of served) result.failed(new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'no'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([
      expect.objectContaining({ address: '/run/app' }),
      expect.objectContaining({ address: '::', port: 3000 }),
    ]);
    expect(errors[0]).not.toHaveProperty('port');
  });

  it('ends the process silently if the app does not listen for the error', () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('exit');
    });
    vi.spyOn(process, 'listenerCount').mockReturnValue(0);
    listenWith(3000);
    expect(() => served[0]?.result.failed(new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'no'))).toThrow(
      'exit',
    );
    expect(exit).toHaveBeenCalledWith(1);
  });

  it('closes when the signal is aborted, and forgets the signal when it has closed', async () => {
    const abort = new AbortController();
    const server = listenWith({ port: 3000, signal: abort.signal });
    const close = vi.spyOn(server, 'close').mockReturnThis();
    abort.abort();
    expect(close).toHaveBeenCalledOnce();

    const second = new AbortController();
    const closed = listenWith({ port: 3000, signal: second.signal });
    const closeAgain = vi.spyOn(closed, 'close').mockReturnThis();
    closed.emit('close');
    second.abort();
    expect(closeAgain).not.toHaveBeenCalled();
  });

  it('closes in the next tick if the signal was aborted before', async () => {
    const server = listenWith({ port: 3000, signal: AbortSignal.abort() });
    const close = vi.spyOn(server, 'close').mockReturnThis();
    expect(close).not.toHaveBeenCalled();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(close).toHaveBeenCalledOnce();
  });
});

describe('a plain server without a connection listener', () => {
  const immediate = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

  it('is a probe: it listens, as far as it can see, and limpet is not asked to serve', async () => {
    const probe = createServer();
    const listening = vi.fn();
    probe.listen(3000, '127.0.0.1', listening);
    await immediate();
    expect(served).toEqual([]);
    expect(probe.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 3000 });
    expect(listening).toHaveBeenCalledOnce();
    probe.close();
  });

  it('listens on all addresses by default', async () => {
    const probe = createServer();
    probe.listen(3000);
    await immediate();
    expect(probe.address()).toEqual({ address: '::', family: 'IPv6', port: 3000 });
    probe.close();
  });

  it.each([
    [[0], { ...port(0), exclusive: true }],
    [['/run/app'], { path: '/run/app', backlog: 4096, exclusive: true }],
  ])('is Node’s on an address that only Node can choose or make: %j', async (args, options) => {
    Reflect.apply(Server.prototype.listen, createServer(), args);
    await immediate();
    expect([served, nodeCalls]).toEqual([[], [[options]]]);
  });

  it('is served if it has a listener by the next turn of the event loop', async () => {
    const server = createServer();
    server.listen(3000);
    server.on('connection', () => {});
    expect(served).toEqual([]);
    await immediate();
    expect(served).toHaveLength(1);
  });

  it('of a class of its own is served at once', () => {
    class OwnServer extends Server {}
    new OwnServer().listen(3000);
    expect(served).toHaveLength(1);
  });
});
