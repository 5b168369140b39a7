import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis5';
import { RedisStore, sessions } from 'limpet/session';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { needs } from '../../needs.ts';
import { type App, startApp } from '../../processes/app.ts';
import { startRedis } from '../../services/redis.ts';
import type { Service } from '../../services/service.ts';
import { uwsEnvironment } from '../../uws/index.ts';
import { Browser } from './browser.ts';

needs('redis-server');

const secret = 'shared by both kinds of server';
let redis: Service;
let client: Redis;
let store: RedisStore;
let uws: App;
let port: number;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
  store = new RedisStore({ client });
  uws = startApp('session/uws.js', { args: [String(redis.port), secret], env: uwsEnvironment() });
  ({ port } = (await uws.hears('listening')) as unknown as { port: number });
});
afterAll(async () => {
  await uws?.stop();
  await store?.close();
  client?.disconnect();
  await redis?.stop();
});

test('save() stores the session, and the cookie is set once', async () => {
  const browser = new Browser(port);
  expect((await browser.get('/look')).setCookie).toEqual([]);
  const first = await browser.get('/count');
  expect(first.setCookie[0]).toMatch(/^connect\.sid=s%3A[\w-]{32}\.[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
  const second = await browser.get('/count');
  expect([second.body, second.setCookie]).toEqual(['2', []]);
  const secure = await new Browser(port).get('/count', { 'x-forwarded-proto': 'https' });
  expect(secure.setCookie[0]).toContain('; Secure');
});

test('the same browser is logged in on an Express worker and on a uWS worker', async () => {
  const app = express();
  app.use(sessions({ secret, store }));
  app.get('/count', (request, response) => {
    const session = request.session as { count?: number };
    session.count = (session.count ?? 0) + 1;
    response.send(String(session.count));
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const onExpress = new Browser((server.address() as AddressInfo).port);
  await onExpress.get('/count');
  const onUws = onExpress.at(port);
  expect(await onUws.get('/count')).toMatchObject({ body: '2', setCookie: [] });
  expect(await onExpress.get('/count')).toMatchObject({ body: '3', setCookie: [] });
  const fresh = new Browser(port);
  await fresh.get('/count');
  expect(await fresh.at((server.address() as AddressInfo).port).get('/count')).toMatchObject({
    body: '2',
    setCookie: [],
  });
  server.closeAllConnections();
  server.close();
});

test('regenerate() gives a new sid, and a late save does not undo a log-out', async () => {
  const browser = new Browser(port);
  await browser.get('/count');
  const before = browser.sid;
  expect((await browser.get('/login')).setCookie).toHaveLength(1);
  expect(browser.sid).not.toBe(before);
  expect(await store.get(before)).toBeNull();
  const late = browser.get('/late');
  await pause(30);
  await browser.get('/logout');
  expect(await late).toMatchObject({ status: 500, body: 'ERR_LIMPET_SESSION_GONE' });
  expect(await store.get(browser.sid)).toBeNull();
});

test('the app serves on after a client has gone while its session was in use', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await uws.hears('slow');
  socket.destroy();
  await uws.hears('answered');
  expect((await new Browser(port).get('/look')).status).toBe(200);
});

test('a WebSocket has its session, can reload it, and is closed by a log-out in another process', async () => {
  const browser = new Browser(port);
  await browser.get('/login');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`, { headers: { cookie: browser.header } });
  const nextMessage = async (): Promise<Record<string, unknown>> =>
    JSON.parse(String((await once(socket, 'message'))[0]));
  expect(await nextMessage()).toMatchObject({ user: 'me' });
  const mine = await store.get(browser.sid);
  await store.set(browser.sid, Object.assign(mine ?? {}, { theme: 'dark' }));
  const reloaded = nextMessage();
  socket.send('reload');
  expect(await reloaded).toMatchObject({ user: 'me', theme: 'dark' });
  const closed = once(socket, 'close');
  await store.destroy(browser.sid);
  expect((await closed)[0]).toBe(4001);
});
