import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { LocalStore, sessions } from 'limpet/session';
import { Server as SocketServer } from 'socket.io';
import { io } from 'socket.io-client';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Browser } from './browser.ts';

type WithSession = IncomingMessage & {
  session: { id: string; user?: string; theme?: string; reload(callback: (error?: Error) => void): void };
};

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(): Promise<{
  server: Server;
  port: number;
  store: LocalStore;
  middleware: ReturnType<typeof sessions>;
}> {
  const store = new LocalStore({ in: 'memory' });
  const middleware = sessions({ secret: 'of the sockets', store });
  const app = express();
  app.use(middleware);
  app.get('/login', (request, response) => {
    (request.session as { user?: string }).user = 'me';
    response.send('in');
  });
  app.get('/logout', (request, response) => {
    request.session.destroy(() => response.send('out'));
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
    return store.close();
  });
  return { server, port: (server.address() as AddressInfo).port, store, middleware };
}

test.each(['polling', 'websocket'] as const)(
  'a Socket.IO socket over %s has its session, can reload it, and is closed by a log-out',
  async (transport) => {
    const { server, port, store, middleware } = await serve();
    const sockets = new SocketServer(server);
    closers.unshift(() => sockets.close());
    sockets.engine.use(middleware);
    sockets.on('connection', (socket) => {
      const { session } = socket.request as WithSession;
      const watch = middleware.watch(session.id).once('destroyed', () => socket.disconnect(true));
      socket.on('disconnect', () => watch.close());
      socket.on('who', (answer) => session.reload(() => answer((socket.request as WithSession).session)));
      socket.emit('hello', session.user);
    });
    const browser = new Browser(port);
    await browser.get('/login');
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: [transport],
      extraHeaders: { cookie: browser.header },
    });
    closers.unshift(() => socket.close());
    const hello = new Promise((resolve) => socket.once('hello', resolve));
    expect(await hello).toBe('me');
    await store.set(browser.sid, Object.assign((await store.get(browser.sid)) ?? {}, { theme: 'dark' }));
    expect(await socket.emitWithAck('who')).toMatchObject({ user: 'me', theme: 'dark' });
    const closed = new Promise((resolve) => socket.once('disconnect', resolve));
    await browser.get('/logout');
    expect(await closed).toBe('io server disconnect');
    expect(store.status().watched).toBe(0);
  },
);

test('a ws socket has its session at the upgrade, and is closed by a log-out', async () => {
  const { server, port, middleware } = await serve();
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, stream, head) => {
    middleware(request, new ServerResponse(request), (error) => {
      const { session } = request as WithSession;
      if (error || !session.user) stream.destroy();
      else
        sockets.handleUpgrade(request, stream, head, (socket) => {
          const watch = middleware.watch(session.id).once('destroyed', () => socket.close(4001));
          socket.on('close', () => watch.close());
          socket.send(session.user ?? '');
        });
    });
  });
  const browser = new Browser(port);
  await browser.get('/login');
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { cookie: browser.header } });
  expect(String((await once(socket, 'message'))[0])).toBe('me');
  const closed = once(socket, 'close');
  await browser.get('/logout');
  expect((await closed)[0]).toBe(4001);
  const stranger = new WebSocket(`ws://127.0.0.1:${port}`);
  expect((await once(stranger, 'error'))[0]).toBeInstanceOf(Error);
});
