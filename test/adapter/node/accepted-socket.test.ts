import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { feed } from './feed.ts';

type Properties = Record<PropertyKey, unknown>;

/** Properties that differ between two sockets: addresses, asynchronous ids, timers, the server. */
const own = /^(async_id_symbol|_peername|_sockname|_host|kUpdateTimer|timeout|server|_server)$/;

const nameOf = (key: PropertyKey) => (typeof key === 'symbol' ? (key.description ?? '') : `${String(key)}`);

/** The properties of an object, symbols included. Of a property that is an object or a function, only its type. */
function propertiesOf(object: object): [string, unknown][] {
  return Reflect.ownKeys(object)
    .filter((key) => !own.test(nameOf(key)))
    .map((key): [string, unknown] => {
      const value = (object as Properties)[key];
      return [nameOf(key), value === null || !/object|function/.test(typeof value) ? value : typeof value];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

interface Seen {
  readonly socket: [string, unknown][];
  readonly readable: [string, unknown][];
  readonly writable: [string, unknown][];
  readonly hasServer: boolean;
}

/** The socket that the first 'connection' listener gets. */
async function firstSeen(server: Server, port: number): Promise<Seen> {
  const seen = new Promise<Seen>((resolve) => {
    server.prependOnceListener('connection', (socket: Socket) => {
      const { server: of, _readableState, _writableState } = socket as unknown as Record<string, object>;
      resolve({
        socket: propertiesOf(socket),
        readable: propertiesOf(_readableState as object),
        writable: propertiesOf(_writableState as object),
        hasServer: of === server,
      });
    });
  });
  const client = connect(port, '127.0.0.1');
  onTestFinished(() => {
    client.destroy();
  });
  return seen;
}

const servers: [string, () => Server][] = [
  ['a net server', () => createServer()],
  [
    'a net server with all options',
    () =>
      createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 7000,
        highWaterMark: 1234,
      }),
  ],
  ['an http server', () => createHttpServer()],
  [
    'an http server with TCP keep-alive',
    () => createHttpServer({ keepAlive: true, keepAliveInitialDelay: 3000, highWaterMark: 99 }),
  ],
];

describe('the socket of a delivered connection equals one that Node has made', () => {
  it.each(servers)('for %s', async (_, create) => {
    const listening = create().listen(0, '127.0.0.1');
    onTestFinished(() => {
      listening.close();
    });
    await once(listening, 'listening');
    const delivered = create();
    const { port } = await feed(delivered);
    const expected = await firstSeen(listening, (listening.address() as AddressInfo).port);
    expect(expected.hasServer).toBe(true);
    expect(await firstSeen(delivered, port)).toEqual(expected);
  });
});

it('the server counts delivered connections, and drops those above maxConnections with their addresses', async () => {
  const server = createServer();
  server.maxConnections = 1;
  const { port } = await feed(server);
  const kept = connect(port, '127.0.0.1');
  await once(server, 'connection');
  const dropped = once(server, 'drop');
  const late = connect(port, '127.0.0.1');
  await once(late, 'connect');
  const { localPort } = late;
  expect((await dropped)[0]).toMatchObject({
    remoteAddress: '127.0.0.1',
    remotePort: localPort,
    localPort: port,
  });
  await once(late.resume(), 'close');
  const count = () =>
    new Promise<number>((resolve) => server.getConnections((_error, connections) => resolve(connections)));
  expect(await count()).toBe(1);
  const closed = once(server, 'close');
  server.close();
  kept.end();
  await closed;
  expect(await count()).toBe(0);
});

it('the diagnostics channel net.server.socket gets the socket', async () => {
  const published: unknown[] = [];
  const listener = (message: unknown) => published.push((message as { socket: Socket }).socket);
  subscribe('net.server.socket', listener);
  onTestFinished(() => {
    unsubscribe('net.server.socket', listener);
  });
  const server = createServer();
  const { port } = await feed(server);
  const client = connect(port, '127.0.0.1');
  const [socket] = await once(server, 'connection');
  await new Promise(setImmediate);
  expect(published).toContain(socket);
  client.destroy();
});
