import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { RedisStore as ConnectRedis } from 'connect-redis8';
import express, { type NextFunction, type Request, type Response } from 'express';
import expressSession from 'express-session';
import Fastify from 'fastify';
import { Redis } from 'ioredis5';
import { LocalStore, RedisStore, type SessionStore, sessions } from 'limpet/session';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../needs.ts';
import { startRedis } from '../../services/redis.ts';
import type { Service } from '../../services/service.ts';
import { Browser } from './browser.ts';

needs('redis-server');

const secret = 'a secret for these tests';

let redis: Service;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
});
afterAll(async () => {
  client?.disconnect();
  await redis?.stop();
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function opened<S extends SessionStore>(store: S): S {
  closers.push(() => store.close());
  return store;
}

type Middleware = Parameters<express.Application['use']>[0];

/** Holds the requests with `?wait=gate`, whose sessions are loaded, until the test opens it. */
class Gate {
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
  #waiting = 0;
  #onArrival: () => void = () => {};

  async pass(): Promise<void> {
    this.#waiting += 1;
    this.#onArrival();
    await this.#opened;
  }

  async waiting(count: number): Promise<void> {
    while (this.#waiting < count)
      await new Promise<void>((resolve) => {
        this.#onArrival = resolve;
      });
  }
}
let gate = new Gate();

/** Starts an Express app with the routes of these tests. Resolves with its port. */
async function serve(
  middleware: unknown,
  prepare: (app: express.Application) => void = () => undefined,
): Promise<number> {
  const app = express();
  prepare(app);
  app.use(middleware as Middleware);
  app.get('/count', (request, response) => {
    const session = request.session as { count?: number };
    session.count = (session.count ?? 0) + 1;
    response.send(String(session.count));
  });
  app.get('/look', (request, response) => response.json(request.session ?? null));
  app.get('/set/:key/:value', async (request, response) => {
    if (request.query.wait === 'gate') await gate.pass();
    else await pause(Number(request.query.wait ?? 0));
    (request.session as unknown as Record<string, unknown>)[String(request.params.key)] =
      request.params.value;
    response.send('set');
  });
  app.get('/save', async (request, response) => {
    await gate.pass();
    request.session.save((error) => response.send((error as { code?: string } | null)?.code ?? 'saved'));
  });
  app.get('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      (request.session as { user?: string }).user = 'me';
      if (error) next(error);
      else response.send('in');
    });
  });
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.send('out')));
  });
  app.get('/reload', (request, response) => {
    (request.session as { count?: number }).count = 99;
    request.session.reload(() => response.json(request.session));
  });
  app.use((error: Error & { code?: string }, _request: Request, response: Response, _next: NextFunction) => {
    response.status(500).send(error.code);
  });
  return listen(createServer(app));
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const expiryOf = (body: string): number => new Date(JSON.parse(body).cookie.expires).getTime();

describe.each([
  ['LocalStore in memory', (): SessionStore => new LocalStore({ in: 'memory', touchAfterMs: 0 })],
  [
    'RedisStore',
    (): SessionStore => new RedisStore({ client, touchAfterMs: 0, prefix: `t${Math.random()}:` }),
  ],
])('sessions() on Express, %s', (_name, make) => {
  const store = (): SessionStore => opened(make());

  test('the cookie is set once, only for a session with data, and out of reach of scripts and other sites', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store() })));
    expect((await browser.get('/look')).setCookie).toEqual([]);
    const [cookie] = (await browser.get('/count')).setCookie;
    expect(cookie).toMatch(/^connect\.sid=s%3A[\w-]{32}\.[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
    expect((await browser.get('/count')).setCookie).toEqual([]);
    expect((await browser.get('/count')).body).toBe('3');
    expect(Buffer.from(browser.sid, 'base64url').length * 8).toBeGreaterThanOrEqual(128);
  });

  test('a log-in gets a new sid, and the old sid is worth nothing', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store() })));
    await browser.get('/count');
    const before = new Map(browser.cookies);
    await browser.get('/login');
    expect(browser.cookies).not.toEqual(before);
    expect(JSON.parse((await browser.get('/look')).body)).toMatchObject({ user: 'me' });
    const thief = browser.at(0);
    for (const [name, value] of before) thief.cookies.set(name, value);
    expect(JSON.parse((await browser.get('/look', { cookie: thief.header })).body).user).toBeUndefined();
  });

  test('a sid without a valid signature is ignored', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store() })));
    await browser.get('/count');
    const sid = browser.sid;
    for (const value of [`s:${sid}.forged`, `s:${sid}.`, sid, `s:.${'a'.repeat(43)}`, '%', 's:']) {
      const { body } = await browser.get('/count', { cookie: `connect.sid=${encodeURIComponent(value)}` });
      expect(body).toBe('1');
    }
  });

  test('rotating the secret logs nobody out', async () => {
    const shared = store();
    const old = new Browser(await serve(sessions({ secret: 'the old one', store: shared })));
    await old.get('/count');
    const rotated = await serve(sessions({ secret: ['the new one', 'the old one'], store: shared }));
    expect((await old.at(rotated).get('/count')).body).toBe('2');
    const dropped = await serve(sessions({ secret: ['the new one'], store: shared }));
    expect((await old.at(dropped).get('/count')).body).toBe('1');
  });

  test('touch and rolling move the end of the session and of the cookie', async () => {
    const browser = new Browser(
      await serve(sessions({ secret, store: store(), rolling: true, cookie: { maxAge: 60_000 } })),
    );
    await browser.get('/count');
    const first = expiryOf((await browser.get('/look')).body);
    await pause(150);
    const { setCookie, body } = await browser.get('/look');
    expect(setCookie).toHaveLength(1);
    expect(new Date(/Expires=([^;]+)/.exec(setCookie[0] ?? '')?.[1] ?? 0).getTime()).toBeGreaterThan(
      Date.now() + 58_000,
    );
    await pause(150);
    expect(expiryOf((await browser.get('/look')).body)).toBeGreaterThan(Math.max(first, expiryOf(body)) - 1);
  });

  test('a session ends after its maxAge without a request', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store(), cookie: { maxAge: 400 } })));
    await browser.get('/count');
    for (let n = 0; n < 4; n++) {
      await pause(200);
      expect(JSON.parse((await browser.get('/look')).body).count).toBe(1);
    }
    await pause(500);
    expect(JSON.parse((await browser.get('/look')).body).count).toBeUndefined();
  });

  test("cookie.secure 'auto' follows a trusted proxy", async () => {
    const options = { secret, store: store() };
    const trusting = await serve(sessions(options), (app) => app.set('trust proxy', 'loopback'));
    const https = { 'x-forwarded-proto': 'https' };
    expect((await new Browser(trusting).get('/count', https)).setCookie[0]).toContain('; Secure');
    expect((await new Browser(trusting).get('/count')).setCookie[0]).not.toContain('; Secure');
    const wary = await serve(sessions(options));
    expect((await new Browser(wary).get('/count', https)).setCookie[0]).not.toContain('; Secure');
  });

  test('the options genid, name and cookie apply', async () => {
    const app = sessions({
      secret,
      store: store(),
      name: 'id',
      genid: () => 'chosen',
      cookie: { sameSite: 'strict', path: '/' },
    });
    const { setCookie } = await new Browser(await serve(app)).get('/count');
    expect(setCookie[0]).toMatch(/^id=s%3Achosen\.[^;]+; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  test('reload() replaces the data with the stored ones', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store() })));
    await browser.get('/count');
    expect(JSON.parse((await browser.get('/reload')).body).count).toBe(1);
    expect(JSON.parse((await browser.get('/look')).body).count).toBe(1);
  });

  test('concurrent requests lose none of their changes', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store() })));
    await browser.get('/count');
    await Promise.all(Array.from({ length: 10 }, (_, n) => browser.get(`/set/k${n}/${n}?wait=20`)));
    const session = JSON.parse((await browser.get('/look')).body);
    for (let n = 0; n < 10; n++) expect(session[`k${n}`]).toBe(String(n));
  });

  test('a late request does not undo a log-out, and its own save() rejects', async () => {
    const browser = new Browser(await serve(sessions({ secret, store: store() })));
    await browser.get('/count');
    gate = new Gate();
    const late = browser.get('/set/user/me?wait=gate');
    const saving = browser.get('/save');
    await gate.waiting(2);
    await browser.get('/logout');
    gate.open();
    expect((await late).status).toBe(200);
    expect((await saving).body).toBe('ERR_LIMPET_SESSION_GONE');
    expect(JSON.parse((await browser.get('/look')).body).user).toBeUndefined();
  });

  test("express-session serves without sessions from the event 'disconnect' to the event 'connect'", async () => {
    const shared = store();
    const browser = new Browser(await serve(sessions({ secret, store: shared })));
    await browser.get('/count');
    shared.emit('disconnect');
    expect((await browser.get('/look')).body).toBe('null');
    shared.emit('connect');
    expect(JSON.parse((await browser.get('/look')).body).count).toBe(1);
  });

  test('@fastify/session works with the store', async () => {
    const shared = store();
    const app = Fastify();
    await app.register(fastifyCookie);
    await app.register(fastifySession, {
      secret: secret.padEnd(32, '.'),
      store: shared as never,
      cookie: { secure: false },
      saveUninitialized: false,
    });
    app.get('/count', async (request) => {
      const session = request.session as unknown as { count?: number };
      session.count = (session.count ?? 0) + 1;
      return String(session.count);
    });
    app.get('/late', async (request) => {
      await shared.destroy(request.session.sessionId);
      (request.session as unknown as { user?: string }).user = 'me';
      return request.session.sessionId;
    });
    closers.push(() => app.close());
    await app.listen({ port: 0, host: '127.0.0.1' });
    const browser = new Browser((app.server.address() as AddressInfo).port);
    await browser.get('/count');
    expect((await browser.get('/count')).body).toBe('2');
    const sid = (await browser.get('/late')).body;
    expect(await shared.get(sid)).toBeNull();
  });
});

test('a switch from connect-redis and back logs nobody out', async () => {
  const old = await serve(
    expressSession({ secret, store: new ConnectRedis({ client }), resave: false, saveUninitialized: false }),
  );
  const now = await serve(sessions({ secret, store: opened(new RedisStore({ client })) }));
  const browser = new Browser(old);
  for (const [port, count] of [
    [old, 1],
    [now, 2],
    [now, 3],
    [old, 4],
    [old, 5],
    [now, 6],
  ] as const) {
    const there = browser.at(port);
    const { body, setCookie } = await there.get('/count');
    expect(body).toBe(String(count));
    if (count > 1) expect(setCookie).toEqual([]);
    else for (const [name, value] of there.cookies) browser.cookies.set(name, value);
  }
});
