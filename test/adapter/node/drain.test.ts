import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drainServer } from '../../../src/adapter/node/drain.ts';
import type { NodeAdapter } from '../../../src/adapter/node/node-adapter.ts';
import { feed } from './feed.ts';

const drained = (adapter: NodeAdapter) => new Promise<void>((done) => adapter.drain(done));

async function textOf(socket: ReturnType<typeof connect>): Promise<string> {
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) text += chunk;
  return text;
}

describe('a server that drains', () => {
  // This test comes first: after a drain, every response of this process closes its connection.
  it('closes a kept-alive connection after its next response, or when it stays idle', async () => {
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

  it('answers the request in flight, then closes the connection', async () => {
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

  it('lets the streams of an HTTP/2 session end, and closes an idle session at once', async () => {
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

  it('closes WebSockets with code 1012 at closeAll(), and sends nothing to other upgraded connections', async () => {
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
});

describe('drainServer()', () => {
  let server: EventEmitter & { close: () => void; closeIdleConnections?: () => void };
  let calls: string[];
  let open: number;
  let isClosed: boolean;
  let release: () => void;
  let released: Promise<void>;
  const done = vi.fn();

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'performance'],
    });
    [calls, open, isClosed] = [[], 1, false];
    done.mockClear();
    released = new Promise((resolve) => {
      release = resolve;
    });
    server = Object.assign(new EventEmitter(), {
      close: () => {
        isClosed = true;
        calls.push('close');
      },
      closeIdleConnections: () => {
        calls.push('closeIdleConnections');
      },
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function drain(lingerMs = 0): void {
    const draining = { server: server as Server, openConnections: () => open, isClosed: () => isClosed };
    drainServer(draining, done, released, lingerMs);
  }
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  it('leaves idle HTTP connections open for a second, then closes them as often as they appear', async () => {
    drain();
    await pass(999);
    expect(calls).toEqual([]);
    await pass(51);
    expect(calls[0]).toBe('closeIdleConnections');
    const before = calls.length;
    await pass(500);
    expect(calls.length - before).toBe(10);
  });

  it('leaves idle HTTP connections open for the linger time if that is longer', async () => {
    drain(3000);
    await pass(2999);
    expect(calls).toEqual([]);
    await pass(51);
    expect(calls[0]).toBe('closeIdleConnections');
  });

  it('does not wait when no connection is open', async () => {
    open = 0;
    drain(3000);
    expect(calls).toEqual(['closeIdleConnections']);
    release();
    await pass(0);
    expect(calls).toEqual(['closeIdleConnections', 'close', 'closeIdleConnections']);
  });

  it('ends the wait when the last connection is closed', async () => {
    drain(3000);
    await pass(500);
    open = 0;
    await pass(50);
    expect(calls[0]).toBe('closeIdleConnections');
  });

  it('does not wait for a server that cannot close idle connections', async () => {
    delete server.closeIdleConnections;
    drain(3000);
    expect(calls).toEqual([]);
    release();
    await pass(0);
    expect(calls).toEqual(['close']);
  });

  it('closes the server only when it is released', async () => {
    drain();
    await pass(5000);
    expect(calls).not.toContain('close');
    release();
    await pass(0);
    expect(calls.slice(-2)).toEqual(['close', 'closeIdleConnections']);
  });

  it('closes the server only after the wait, even if it is released before', async () => {
    release();
    drain();
    await pass(999);
    expect(calls).toEqual([]);
    await pass(51);
    expect(calls).toContain('close');
  });

  it('does not close a server again that the app has closed', async () => {
    isClosed = true;
    release();
    drain();
    await pass(1050);
    expect(calls).not.toContain('close');
    expect(calls).toContain('closeIdleConnections');
  });

  it('is done when the server emits close, and then looks for idle connections no more', async () => {
    release();
    drain();
    await pass(1100);
    expect(done).not.toHaveBeenCalled();
    server.emit('close');
    await pass(0);
    expect(done).toHaveBeenCalledOnce();
    calls.length = 0;
    await pass(1000);
    expect(calls).toEqual([]);
  });

  it('is done when the server emits close before the wait is over', async () => {
    drain();
    server.emit('close');
    await pass(0);
    expect(done).toHaveBeenCalledOnce();
  });
});
