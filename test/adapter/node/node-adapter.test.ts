import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NodeAdapter } from '../../../src/adapter/node/node-adapter.ts';
import { isProxied } from '../../../src/adapter/proxied-client.ts';
import type { BoundAddress, ProxiedClient, RawHandle } from '../../../src/connection.ts';
import { LimpetError } from '../../../src/errors.ts';
import { feed } from './feed.ts';

const bound = { address: '127.0.0.1', family: 'IPv4', port: 1 } as const;
const client: ProxiedClient = { address: '203.0.113.7', family: 'IPv4', port: 4711 };

/** Delivers what another server accepts, with the client and the bytes given. Returns the port. */
async function feedWith(
  server: Server,
  ...more: [client?: ProxiedClient, read?: Buffer]
): Promise<{ adapter: NodeAdapter; port: number }> {
  const outer = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  onTestFinished(() => void outer.close());
  await once(outer, 'listening');
  const adapter = new NodeAdapter(server, () => {});
  adapter.listen(outer.address() as BoundAddress, 511);
  const { _handle } = outer as unknown as {
    _handle: { onconnection: (status: number, handle: RawHandle) => void };
  };
  _handle.onconnection = (_status, handle) => adapter.takeHandle(handle, ...more);
  return { adapter, port: (outer.address() as AddressInfo).port };
}

/** The response to a GET of the path, as [status, Connection header, body]. */
async function get(port: number, path: string): Promise<unknown[]> {
  const asked = request({ port, host: '127.0.0.1', path, agent: false });
  asked.end();
  const [response] = await once(asked, 'response');
  return [response.statusCode, response.headers.connection, String(Buffer.concat(await response.toArray()))];
}

describe('a connection', () => {
  it('is counted until it is closed', async () => {
    const server = createServer();
    const { adapter, port } = await feed(server);
    let closed = 0;
    adapter.onClosed = () => closed++;
    const connection = connect(port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    expect([adapter.open, closed]).toEqual([1, 0]);
    connection.destroy();
    await once(socket.resume(), 'close');
    expect([adapter.open, closed]).toEqual([0, 1]);
  });

  it('that comes before the server listens is closed', () => {
    const adapter = new NodeAdapter(createServer(), () => {});
    let closed = 0;
    let handleClosings = 0;
    adapter.onClosed = () => closed++;
    class Handle {
      readonly fd = 5;
      close(): void {
        handleClosings += 1;
      }
    }
    adapter.takeHandle(new Handle());
    expect([adapter.open, closed, handleClosings]).toEqual([0, 1, 1]);
  });

  it('whose descriptor is none counts as closed, and is a fault', () => {
    const server = createServer();
    const adapter = new NodeAdapter(server, () => {});
    adapter.listen(bound, 511);
    let closed = 0;
    adapter.onClosed = () => closed++;
    const faults: unknown[] = [];
    const listener = (fault: unknown) => faults.push(fault);
    subscribe('limpet:fault', listener);
    onTestFinished(() => void unsubscribe('limpet:fault', listener));
    adapter.takeDescriptor(9999);
    expect([adapter.open, closed]).toEqual([0, 1]);
    expect(faults).toEqual([{ where: 'open descriptor', error: expect.any(Error) }]);
    server.close();
  });

  it('has the client of its PROXY header, and the bytes that were read come first', async () => {
    const server = createServer();
    const { port } = await feedWith(server, client, Buffer.from('first, '));
    const connection = connect(port, '127.0.0.1');
    connection.end('then the rest');
    const [socket] = (await once(server, 'connection')) as [Socket];
    expect([socket.remoteAddress, socket.remotePort, isProxied(socket)]).toEqual([
      client.address,
      4711,
      true,
    ]);
    expect(String(Buffer.concat(await socket.toArray()))).toBe('first, then the rest');
  });

  it('is prepared before the app’s own listeners see it', async () => {
    const seen: boolean[] = [];
    const server = createServer((socket) => seen.push(isProxied(socket)) && socket.destroy());
    const { port } = await feedWith(server, client);
    const connection = connect(port, '127.0.0.1').resume();
    await once(connection, 'close');
    expect(seen).toEqual([true]);
    expect(server.listenerCount('connection')).toBe(1);
  });

  it('that the server drops leaves no listener for the next one', async () => {
    const server = createServer(() => {});
    server.maxConnections = 1;
    const { port } = await feedWith(server, client, Buffer.from('bytes'));
    const kept = connect(port, '127.0.0.1');
    await once(server, 'connection');
    const dropped = connect(port, '127.0.0.1').on('error', () => {});
    await once(server, 'drop');
    expect(server.listenerCount('connection')).toBe(1);
    kept.destroy();
    dropped.destroy();
  });
});

describe('close() of the app', () => {
  function closings(use: (server: Server, adapter: NodeAdapter) => void): Promise<number> {
    const server = createServer();
    let count = 0;
    const adapter = new NodeAdapter(server, () => count++);
    use(server, adapter);
    return new Promise((resolve) => setImmediate(() => resolve(count)));
  }

  it.each<[string, number, (server: Server, adapter: NodeAdapter) => void]>([
    ['before the server listens is reported', 1, (server) => server.close()],
    [
      'of a listening server is reported once',
      1,
      (server, adapter) => {
        adapter.listen(bound, 511);
        server.close();
        server.close();
      },
    ],
    [
      'by a drain is not reported',
      0,
      (server, adapter) => {
        adapter.listen(bound, 511);
        adapter.drain(() => {});
        server.close();
      },
    ],
  ])('%s', async (_, expected, use) => {
    expect(await closings(use)).toBe(expected);
  });
});

describe('drain()', () => {
  it('is done at once for a server that does not listen', () => {
    let done = 0;
    new NodeAdapter(createServer(), () => {}).drain(() => done++);
    expect(done).toBe(1);
  });
});

it('an address that cannot be bound is an error of the server, in the next tick', async () => {
  const server = createServer();
  const errors: unknown[] = [];
  server.on('error', (error) => errors.push(error));
  const error = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken');
  new NodeAdapter(server, () => {}).failed(error);
  expect(errors).toEqual([]);
  await new Promise((resolve) => process.nextTick(resolve));
  expect(errors).toEqual([error]);
});

describe('an HTTP server', () => {
  it('runs the hooks of eachRequest() before the app', async () => {
    const server = createHttpServer((_request, response) => response.end());
    const { adapter, port } = await feed(server);
    const order: string[] = [];
    server.on('request', () => order.push('app'));
    adapter.eachRequest(() => order.push('hook'));
    await get(port, '/');
    expect(order).toEqual(['hook', 'app']);
  });

  it('on the direct port of another slot is not healthy, and closes each connection', async () => {
    const server = createHttpServer((_request, response) => response.end('app'));
    const { adapter, port } = await feed(server);
    const keepAlive = async (path: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const [data] = await once(socket, 'data');
      socket.destroy();
      return String(data);
    };
    adapter.answerHealth('/health', () => true);
    expect(await keepAlive('/health')).toMatch(/^HTTP\/1.1 200/);
    adapter.directPorts(port, 1, 80);
    expect(await keepAlive('/health')).toMatch(/^HTTP\/1.1 503/);
    expect(await keepAlive('/')).toMatch(/\r\nConnection: close\r\n/);
  });
});

it('a server of another protocol than HTTP has no peer socket', () => {
  const adapter = new NodeAdapter(createServer(), () => {});
  const calls: string[] = [];
  adapter.forwardRequests(
    '/nowhere/peer.sock',
    () => undefined,
    () => calls.push('opened'),
  );
  adapter.closePeerSocket(() => calls.push('closed'));
  expect(calls).toEqual(['opened', 'closed']);
});
