import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { feed } from './feed.ts';

type Insides = Record<PropertyKey, unknown>;

/** Of what must differ: who is at the other end, and which of the process's resources it is. */
const own = /^(async_id_symbol|_peername|_sockname|_host|kUpdateTimer|timeout|server|_server)$/;

const nameOf = (key: PropertyKey) => (typeof key === 'symbol' ? (key.description ?? '') : `${String(key)}`);

/** All that can be read off an object and is no object itself, symbols included. */
function plain(object: object): [string, unknown][] {
  return Reflect.ownKeys(object)
    .filter((key) => !own.test(nameOf(key)))
    .map((key): [string, unknown] => {
      const value = (object as Insides)[key];
      return [nameOf(key), value === null || !/object|function/.test(typeof value) ? value : typeof value];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

interface Seen {
  readonly socket: [string, unknown][];
  readonly readable: [string, unknown][];
  readonly writable: [string, unknown][];
  readonly isOurs: boolean;
}

/** What the first 'connection' listener sees. */
async function firstSeen(server: Server, port: number): Promise<Seen> {
  const seen = new Promise<Seen>((resolve) => {
    server.prependOnceListener('connection', (socket: Socket) => {
      const { server: of, _readableState, _writableState } = socket as unknown as Record<string, object>;
      resolve({
        socket: plain(socket),
        readable: plain(_readableState as object),
        writable: plain(_writableState as object),
        isOurs: of === server,
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
    'one with all options',
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
    'one that keeps alive',
    () => createHttpServer({ keepAlive: true, keepAliveInitialDelay: 3000, highWaterMark: 99 }),
  ],
];

describe('a socket that is fed is as Node would have made it', () => {
  it.each(servers)('for %s', async (_, create) => {
    const listening = create().listen(0, '127.0.0.1');
    onTestFinished(() => {
      listening.close();
    });
    await once(listening, 'listening');
    const fed = create();
    const { port } = await feed(fed);
    const expected = await firstSeen(listening, (listening.address() as AddressInfo).port);
    expect(expected.isOurs).toBe(true);
    expect(await firstSeen(fed, port)).toEqual(expected);
  });
});

it('counts the connections of the server, and drops those above maxConnections with what they were', async () => {
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

it('tells the diagnostics channel net.server.socket', async () => {
  const told: unknown[] = [];
  const listener = (message: unknown) => told.push((message as { socket: Socket }).socket);
  subscribe('net.server.socket', listener);
  onTestFinished(() => {
    unsubscribe('net.server.socket', listener);
  });
  const server = createServer();
  const { port } = await feed(server);
  const client = connect(port, '127.0.0.1');
  const [socket] = await once(server, 'connection');
  await new Promise(setImmediate);
  expect(told).toContain(socket);
  client.destroy();
});
