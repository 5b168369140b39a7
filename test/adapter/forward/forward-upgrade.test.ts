import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { forwardUpgrade } from '../../../src/adapter/forward/forward-upgrade.ts';
import { isForwarded, PeerSocket } from '../../../src/adapter/forward/peer-socket.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-upgrade-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A client's side of a connection that another process has upgraded, and what is written to it. */
function fakeClient() {
  const written = new EventEmitter();
  const client = new Duplex({
    allowHalfOpen: true,
    read: () => {},
    write: (chunk, _encoding, next) => {
      written.emit('data', String(chunk));
      next();
    },
  });
  return { client, written };
}

const request = {
  method: 'GET',
  url: '/chat?room=1',
  rawHeaders: ['Host', 'a', 'Connection', 'Upgrade', 'Upgrade', 'echo', 'X-Name', '\xe4'],
  socket: { remoteAddress: '203.0.113.7', remotePort: 4711 },
} as unknown as IncomingMessage;
const neverHere = () => {
  throw new Error('it was served here');
};

it('the peer gets the request as it was, the client’s address, and the bytes and ends of both directions', async () => {
  const path = join(folder, 'peer.sock');
  const app = createHttpServer();
  const upgraded = once(app, 'upgrade');
  await new Promise<void>((resolve) => {
    const peerSocket: PeerSocket = new PeerSocket(path, app, resolve);
    onTestFinished(() => peerSocket.close(() => {}));
  });
  const { client, written } = fakeClient();
  forwardUpgrade(path, request, client, Buffer.from('the head, '), neverHere);
  const [seen, socket, head] = (await upgraded) as [IncomingMessage, Socket, Buffer];
  expect([seen.method, seen.url, seen.rawHeaders]).toEqual(['GET', '/chat?room=1', request.rawHeaders]);
  expect([socket.remoteAddress, socket.remotePort, isForwarded(socket)]).toEqual(['203.0.113.7', 4711, true]);
  let received = String(head);
  socket.on('data', (chunk) => {
    received += chunk;
  });
  client.push('to the peer');
  await expect.poll(() => received).toBe('the head, to the peer');
  const answer = once(written, 'data');
  socket.write('to the client');
  expect(await answer).toEqual(['to the client']);
  const ended = once(client, 'finish');
  socket.end();
  await ended;
  const closed = once(client, 'close');
  client.push(null);
  await closed;
});

it('a peer that cannot be reached leaves the upgrade to this worker, as it was', async () => {
  const { client } = fakeClient();
  await new Promise<void>((resolve) =>
    forwardUpgrade(join(folder, 'nobody.sock'), request, client, Buffer.alloc(0), resolve),
  );
  expect([client.listenerCount('error'), client.destroyed]).toEqual([0, false]);
  client.destroy();
});

it('a client that is reset closes the connection to the peer, and is no uncaught error', async () => {
  const path = join(folder, 'peer.sock');
  const peers = new EventEmitter();
  const server = createServer((socket) =>
    peers.emit(
      'connection',
      socket.resume().on('error', () => {}),
    ),
  );
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { client } = fakeClient();
  const connected = once(peers, 'connection');
  forwardUpgrade(path, request, client, Buffer.alloc(0), neverHere);
  const [socket] = (await connected) as [Socket];
  client.destroy(new Error('ECONNRESET'));
  await once(socket, 'close');
});

it('a client that is gone before the peer is reached does not connect it', async () => {
  const path = join(folder, 'peer.sock');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { client } = fakeClient();
  forwardUpgrade(path, request, client, Buffer.alloc(0), neverHere);
  client.destroy();
  await once(client, 'close');
  const probe = connect(path);
  const [accepted] = (await once(server, 'connection')) as [Socket];
  accepted.resume();
  probe.destroy();
});
