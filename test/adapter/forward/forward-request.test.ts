import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  request as requestOf,
  type ServerResponse,
} from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { forwardRequest } from '../../../src/adapter/forward/forward-request.ts';
import { PeerSocket } from '../../../src/adapter/forward/peer-socket.ts';

let folder: string;
let sockets = 0;
const nextPath = () => join(folder, `${sockets++}.sock`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-forward-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A peer that serves its app. Returns the path of its socket. */
async function startPeer(listener: RequestListener): Promise<string> {
  const path = nextPath();
  const app = createHttpServer(listener);
  await new Promise<void>((resolve) => {
    const peerSocket: PeerSocket = new PeerSocket(path, app, resolve);
    onTestFinished(() => {
      app.closeAllConnections();
      peerSocket.close(() => {});
    });
  });
  return path;
}

/** A peer that does this with each connection. */
async function startRawPeer(serve: (socket: Socket) => void): Promise<string> {
  const path = nextPath();
  const server = createServer((socket) => serve(socket.on('error', () => {})));
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return path;
}

/** A worker that forwards each request to the peer. Returns the path at which clients reach it, and how often it served itself. */
async function startWorker(peer: string) {
  const path = nextPath();
  const served = { here: 0, path };
  const forward = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) =>
    forwardRequest(peer, request, response, awaitsContinue, () => {
      served.here += 1;
      request.resume();
      response.end('served here');
    });
  const server: HttpServer = createHttpServer((request, response) => forward(request, response, false));
  server.on('checkContinue', (request, response) => forward(request, response, true));
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return served;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly message: IncomingMessage;
}

/** Asks the worker, on a connection of its own. */
async function ask(
  { path: socketPath }: { path: string },
  { method = 'GET', path = '/', headers = {}, body = '' } = {},
): Promise<Answer> {
  const asked = requestOf({ socketPath, method, path, headers, agent: false });
  asked.end(body);
  const [message] = (await once(asked, 'response')) as [IncomingMessage];
  const text = String(Buffer.concat(await message.toArray()));
  return { status: message.statusCode, body: text, message };
}

describe('a request', () => {
  it('reaches the peer with its method, path, headers, body and trailers', async () => {
    const heard: unknown[] = [];
    const peer = await startPeer(async (request, response) => {
      const body = String(Buffer.concat(await request.toArray()));
      const { method, url, headers, trailers } = request;
      heard.push({ method, url, name: headers['x-name'], body, trailers });
      response.end();
    });
    const worker = await startWorker(peer);
    const client = connect(worker.path);
    client.write(
      'PUT /path?q HTTP/1.1\r\nHost: a\r\nX-Name: \xe4\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-T: end\r\n\r\n',
      'latin1',
    );
    await once(client, 'data');
    client.destroy();
    expect(heard).toEqual([
      { method: 'PUT', url: '/path?q', name: '\xe4', body: 'hello', trailers: { 'x-t': 'end' } },
    ]);
    expect(worker.here).toBe(0);
  });

  it('of a client connection shares a connection to the peer with the next', async () => {
    const connections = new Set<unknown>();
    const peer = await startPeer((request, response) => {
      connections.add(request.socket);
      response.end('done');
    });
    const { path } = await startWorker(peer);
    const client = connect(path);
    for (let i = 0; i < 3; i++) {
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(client, 'data');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(connections.size).toBe(1);
    const [connection] = connections as Set<Socket>;
    const closed = once(connection as Socket, 'close');
    client.destroy();
    await closed;
  });

  it('that its client aborts is aborted at the peer', async () => {
    const events = new EventEmitter();
    const peer = await startPeer((request, response) => {
      response.on('close', () => events.emit('aborted', request.url));
      events.emit('asked');
    });
    const { path } = await startWorker(peer);
    const aborted = once(events, 'aborted');
    const client = connect(path);
    client.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(events, 'asked');
    client.destroy();
    expect(await aborted).toEqual(['/slow']);
  });
});

describe('a response', () => {
  it('reaches the client with its status, headers, body and trailers, and one date', async () => {
    const peer = await startPeer((_request, response) => {
      response.writeHead(418, 'short and stout', {
        'X-A': '1',
        'Set-Cookie': ['a=1', 'b=2'],
        Trailer: 'X-T',
      });
      response.write('one ');
      response.addTrailers({ 'X-T': 'end' });
      response.end('two');
    });
    const { status, body, message } = await ask(await startWorker(peer));
    expect([status, message.statusMessage, body]).toEqual([418, 'short and stout', 'one two']);
    expect(message.headers).toMatchObject({ 'x-a': '1', 'set-cookie': ['a=1', 'b=2'] });
    expect(message.trailers).toEqual({ 'x-t': 'end' });
    expect(message.rawHeaders.filter((name) => name === 'Date')).toHaveLength(1);
  });

  it('without a date gets none', async () => {
    const peer = await startPeer((_request, response) => {
      response.sendDate = false;
      response.end();
    });
    expect((await ask(await startWorker(peer))).message.headers).not.toHaveProperty('date');
  });

  it('may have more headers than Node’s client takes by default', async () => {
    const large = 'x'.repeat(30_000);
    const peer = await startPeer((_request, response) => response.writeHead(200, { large }).end());
    const { path } = await startWorker(peer);
    const asked = requestOf({ socketPath: path, agent: false, maxHeaderSize: 1 << 20 });
    asked.end();
    const [message] = await once(asked, 'response');
    expect(message.headers.large).toBe(large);
    message.resume();
  });

  it('of a client of HTTP/1.0 has no trailers and no informational response before it', async () => {
    const peer = await startPeer((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeHead(200, { Trailer: 'X-T' });
      response.write('body');
      response.addTrailers({ 'X-T': 'end' });
      response.end();
    });
    const { path } = await startWorker(peer);
    const client = connect(path);
    client.write('GET / HTTP/1.0\r\n\r\n');
    const text = String(Buffer.concat(await client.toArray()));
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toMatch(/trailer/i);
    expect(text).toMatch(/\r\n\r\nbody$/);
  });

  it('has its Early Hints before it, each link by itself', async () => {
    const peer = await startPeer((_request, response) => {
      response.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.js>; rel=preload'], 'x-hint': 'kept' });
      response.end();
    });
    const { path } = await startWorker(peer);
    const asked = requestOf({ socketPath: path, agent: false });
    asked.end();
    const [[hints], [message]] = await Promise.all([once(asked, 'information'), once(asked, 'response')]);
    expect(hints.headers).toMatchObject({
      link: '</a.css>; rel=preload, </b.js>; rel=preload',
      'x-hint': 'kept',
    });
    message.resume();
  });
});

describe('100 Continue', () => {
  async function expectContinue(listener: 'request' | 'checkContinue'): Promise<string> {
    const path = nextPath();
    const app = createHttpServer().on(listener, (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(417).end();
    });
    await new Promise<void>((resolve) => {
      const peerSocket: PeerSocket = new PeerSocket(path, app, resolve);
      onTestFinished(() => {
        app.closeAllConnections();
        peerSocket.close(() => {});
      });
    });
    const worker = await startWorker(path);
    const client = connect(worker.path);
    client.write(
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\n',
    );
    return String(Buffer.concat(await client.toArray()));
  }

  it('is sent if the peer sends it', async () => {
    expect(await expectContinue('request')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 417/);
  });

  it('is not sent if the peer refuses', async () => {
    expect(await expectContinue('checkContinue')).toMatch(/^HTTP\/1\.1 417/);
  });
});

describe('a peer that cannot be reached', () => {
  it.each(['GET', 'POST'])('leaves a %s, with or without a body, to this worker', async (method) => {
    const worker = await startWorker(join(folder, 'nobody.sock'));
    expect((await ask(worker, { method })).body).toBe('served here');
    expect((await ask(worker, { method, body: 'body', headers: { 'content-length': 4 } })).body).toBe(
      'served here',
    );
    expect(worker.here).toBe(2);
  });
});

describe('a peer that dies before its response begins', () => {
  /** It dies when it has read the whole request. */
  const dying = () =>
    startRawPeer((socket) => {
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
        if (/\r\n\r\n(x|$)/.test(text.slice(60))) socket.destroy();
      });
    });

  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])(
    'leaves a %s without body to this worker',
    async (method) => {
      const worker = await startWorker(await dying());
      expect((await ask(worker, { method })).status).toBe(200);
      expect(worker.here).toBe(1);
    },
  );

  it.each(['POST', 'PATCH'])('makes a 502 of a %s, which may have had its effect', async (method) => {
    const worker = await startWorker(await dying());
    const { status, message } = await ask(worker, { method });
    expect([status, message.headers.connection, message.headers['content-length']]).toEqual([
      502,
      'close',
      '0',
    ]);
    expect(worker.here).toBe(0);
  });

  it('makes a 502 of a PUT whose body was sent', async () => {
    const worker = await startWorker(await dying());
    expect((await ask(worker, { method: 'PUT', body: 'x', headers: { 'content-length': 1 } })).status).toBe(
      502,
    );
    expect(worker.here).toBe(0);
  });
});

it('a peer that dies within its response cuts the response of the client', async () => {
  const peer = await startRawPeer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
      setTimeout(() => socket.destroy(), 10);
    });
  });
  const worker = await startWorker(peer);
  const asked = requestOf({ socketPath: worker.path, agent: false });
  asked.end();
  const [message] = (await once(asked, 'response')) as [IncomingMessage];
  await expect(message.toArray()).rejects.toThrow('aborted');
  expect(worker.here).toBe(0);
});
