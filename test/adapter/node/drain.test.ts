import { once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import type { NodeAdapter } from '../../../src/adapter/node/node-adapter.ts';
import { feed } from './feed.ts';

const drained = (adapter: NodeAdapter) => new Promise<void>((done) => adapter.drain(done));

async function textOf(socket: ReturnType<typeof connect>): Promise<string> {
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) text += chunk;
  return text;
}

// The first here: a process that has drained once keeps no connection alive any more.
it('answers the next request of a kept-alive connection, saying that it closes, and closes one that stays idle', async () => {
  const server = createHttpServer((_request, response) => response.end('served'));
  const { adapter, port } = await feed(server);
  const [asking, idle] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  for (const client of [asking, idle]) {
    client.write(request);
    const [answer] = await once(client, 'data');
    expect(String(answer)).toMatch(/keep-alive[\s\S]*served$/);
  }
  const done = drained(adapter);
  asking.write(request);
  expect(await textOf(asking)).toMatch(/^HTTP\/1.1 200[\s\S]*Connection: close[\s\S]*served$/);
  expect(await textOf(idle)).toBe('');
  await done;
  expect(adapter.open).toBe(0);
});

it('answers what is under way, then closes the connection', async () => {
  const server = createHttpServer();
  const { adapter, port } = await feed(server);
  const client = connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  const done = drained(adapter);
  response.end('the end');
  const text = await textOf(client);
  expect(text).toContain('\r\nConnection: close\r\n');
  expect(text).toMatch(/the end$/);
  await done;
  expect(adapter.open).toBe(0);
});

it('lets the streams of an http2 session end, then closes it, and an idle one at once', async () => {
  const server = createHttp2Server();
  const { adapter, port } = await feed(server);
  const idle = connectHttp2(`http://127.0.0.1:${port}`);
  await once(idle, 'remoteSettings');
  const busy = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = busy.request({ ':path': '/' }).setEncoding('utf8');
  const [serverStream] = await once(server, 'stream');
  const done = drained(adapter);
  await once(idle, 'close');
  serverStream.respond({ ':status': 200 });
  serverStream.end('the end');
  expect(await once(stream, 'data')).toEqual(['the end']);
  await done;
  expect(adapter.open).toBe(0);
});

it('tells WebSockets, and no other protocol, that the service restarts', async () => {
  const server = createHttpServer().on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  });
  const { adapter, port } = await feed(server);
  const upgraded = async (protocol: string) => {
    const client = connect(port, '127.0.0.1');
    client.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    const [socket] = (await once(server, 'upgrade')).slice(1);
    return { client, socket };
  };
  const webSocket = await upgraded('WebSocket');
  const other = await upgraded('other');
  const done = drained(adapter);
  adapter.closeAll();
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';
  expect(await textOf(webSocket.client)).toBe(`${accepted}\x88\x02\x03\xf4`);
  other.socket.end();
  expect(await textOf(other.client)).toBe(accepted);
  await done;
});
