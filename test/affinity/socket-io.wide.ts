import { Agent, request as httpRequest } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, test } from 'vitest';
import { type App, startApp } from '../processes/app.js';

interface Who {
  slot: number;
  pid: number;
}

let app: App | undefined;
const open: Socket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.disconnect();
  // A polling session must not delay the close of the router. If it did, stop() would kill the app. An app that forks its own workers may
  // end by SIGTERM.
  if (app) expect((await app.stop()).signal, app.output).not.toBe('SIGKILL');
  app = undefined;
});

const ways = {
  'listen() over fd': {
    LIMPET_TEST_OPTIONS: JSON.stringify({
      workers: 3,
      affinity: 'socket.io',
      handoff: 'fd',
      spread: 'least-connections',
    }),
  },
  'listen() over ipc': {
    LIMPET_TEST_OPTIONS: JSON.stringify({
      workers: 3,
      affinity: 'socket.io',
      handoff: 'ipc',
      spread: 'least-connections',
    }),
  },
  'own forks, least-connection': { LIMPET_TEST_FORKS: '3' },
  'own forks, round-robin': { LIMPET_TEST_FORKS: '3', LIMPET_TEST_METHOD: 'round-robin' },
  'own forks, random': { LIMPET_TEST_FORKS: '3', LIMPET_TEST_METHOD: 'random' },
};

async function start(env: Record<string, string>): Promise<number> {
  app = startApp('apps/clients/chat.js', { env });
  const { port } = await app.hears('listening');
  await app.hears('ready', undefined, 3);
  return port as number;
}

async function client(port: number, options: object = {}): Promise<Socket> {
  const socket = io(`http://127.0.0.1:${port}`, { forceNew: true, ...options });
  open.push(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

/** One request over `agent`: with it, a test chooses which requests share a connection. */
function ask(
  port: number,
  agent: Agent,
  path: string,
  options: { method?: string; headers?: object; body?: string } = {},
) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const { method = 'GET', headers = {}, body: sent } = options;
      const req = httpRequest(
        { port, host: '127.0.0.1', path, agent, method, headers: headers as Record<string, string> },
        (res) => {
          let body = '';
          res.on('data', (chunk) => {
            body += chunk;
          });
          res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
        },
      );
      req.on('error', reject);
      req.end(sent);
    },
  );
}

describe.each(Object.entries(ways))('Socket.IO with %s', (_, env) => {
  test('sessions work by polling, by WebSocket and through an upgrade, with large posts and with rooms across workers', async () => {
    const port = await start(env);
    const clients = await Promise.all([
      ...Array.from({ length: 12 }, () => client(port, { transports: ['polling'] })),
      ...Array.from({ length: 6 }, () => client(port, { transports: ['websocket'] })),
      ...Array.from({ length: 6 }, () => client(port)),
    ]);
    const before: Who[] = await Promise.all(clients.map((each) => each.emitWithAck('who')));
    expect(new Set(before.map(({ slot }) => slot)).size).toBe(3);
    expect(await clients[0]?.emitWithAck('size', Buffer.alloc(3_000_000))).toBe(3_000_000);
    await Promise.all(clients.map((each) => each.emitWithAck('join', 'all')));
    const heard = Promise.all(clients.map((each) => new Promise((resolve) => each.once('said', resolve))));
    clients[3]?.emit('say', 'all', 'ahoy');
    expect(new Set(await heard)).toEqual(new Set(['ahoy']));
    expect(await Promise.all(clients.map((each) => each.emitWithAck('who')))).toEqual(before);
    expect(clients.every(({ connected }) => connected)).toBe(true);
    expect(app?.told.filter(({ event }) => event === 'refused')).toEqual([]);
  });

  test('several sessions and preflights share one kept-alive connection', async () => {
    const port = await start(env);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const origin = { Origin: 'http://elsewhere' };
    const sids: string[] = [];
    for (let i = 0; i < 8; i++) {
      const other = new Agent();
      const handshake = await ask(port, i % 2 ? agent : other, '/socket.io/?EIO=4&transport=polling', {
        headers: origin,
      });
      expect(handshake.headers['access-control-allow-origin']).toBe('http://elsewhere');
      expect(handshake.headers.connection).toBe(i % 2 ? 'keep-alive' : 'close');
      sids.push((JSON.parse(handshake.body.slice(1)) as { sid: string }).sid);
    }
    for (const sid of [...sids, ...sids.toReversed()]) {
      const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
      const preflight = await ask(port, agent, path, {
        method: 'OPTIONS',
        headers: { ...origin, 'Access-Control-Request-Method': 'POST' },
      });
      expect(preflight.status).toBe(204);
      const posted = await ask(port, agent, path, { method: 'POST', headers: origin, body: '40' });
      expect([posted.status, posted.body]).toEqual([200, 'ok']);
      const polled = await ask(port, agent, path, { headers: origin });
      expect(polled.status).toBe(200);
      expect(polled.headers.connection).toBe('keep-alive');
    }
    const forged = await ask(port, agent, `/socket.io/?EIO=4&transport=polling&sid=${'A'.repeat(20)}`);
    expect([forged.status, forged.body]).toEqual([400, '{"code":1,"message":"Session ID unknown"}']);
    agent.destroy();
  });
});

test('polling sessions survive a reload, because the old workers keep them', async () => {
  const port = await start({
    LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 3, affinity: 'socket.io', spread: 'least-connections' }),
  });
  const clients = await Promise.all(
    Array.from({ length: 9 }, () => client(port, { transports: ['polling'] })),
  );
  const before: Who[] = await Promise.all(clients.map((each) => each.emitWithAck('who')));
  (app as App).kill('SIGHUP');
  await (app as App).hears('ready', undefined, 6);
  for (let i = 0; i < 5; i++) {
    expect(await Promise.all(clients.map((each) => each.emitWithAck('who')))).toEqual(before);
  }
  const late = await client(port, { transports: ['polling'] });
  const { pid } = (await late.emitWithAck('who')) as Who;
  expect(before.map((each) => each.pid)).not.toContain(pid);
  expect((app as App).told.filter(({ event }) => event === 'refused')).toEqual([]);
});
