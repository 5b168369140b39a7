import { execFile } from 'node:child_process';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import type { RouterOptions } from '../../src/options.ts';
import { type App, startApp } from '../processes/app.ts';
import { addresses, ask, inParallel } from '../processes/clients.ts';
import { freePorts } from '../services/service.ts';
import { uwsEnvironment } from '../uws/index.ts';

const cli = fileURLToPath(new URL('../../dist/cli/limpet.js', import.meta.url));

interface Reply {
  readonly slot: number;
  readonly pid: number;
}

let app: App | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

async function start(options: RouterOptions & { workers?: number }, server = 'node') {
  const direct = await freePorts(8);
  const given = { workers: 3, directPort: direct, healthPath: '/health', noticeMs: 0, ...options };
  app = startApp('apps/clients/direct.js', {
    env: { ...uwsEnvironment(), SERVER: server, LIMPET_TEST_OPTIONS: JSON.stringify(given) },
  });
  const { port } = await app.hears('listening');
  await app.hears('ready', undefined, given.workers);
  return { app, direct, shared: port as number };
}

const from = '127.0.0.1';
const replyOf = async (port: number, client = from): Promise<Reply> =>
  JSON.parse((await ask(port, client)).body);
const healthOf = async (port: number) => (await ask(port, from, { path: '/health?from=test' })).status;

/** Sends one request on the agent's connection. `kept` says whether the connection stays open. */
function askOn(
  agent: Agent,
  port: number,
  path = '/',
): Promise<{ kept: boolean; reply: Reply; cookie: string }> {
  return new Promise((resolve, reject) => {
    request({ agent, port, host: '127.0.0.1', path }, async (response) => {
      const reply = JSON.parse(Buffer.concat(await response.toArray()).toString());
      const cookie = String(response.headers['set-cookie']);
      resolve({ reply, cookie, kept: response.headers.connection !== 'close' });
    })
      .on('error', reject)
      .end();
  });
}

const combinations = [
  { handoff: 'kernel', server: 'node' },
  { handoff: 'fd', server: 'uws' },
  { handoff: 'ipc', server: 'node' },
  { handoff: 'ipc', server: 'uws' },
] as const;

describe.each(combinations)(
  'direct ports with handoff $handoff and server $server',
  ({ handoff, server }) => {
    test('each port leads every client to its slot, and the shared port uses the ring', async () => {
      const { app, direct, shared } = await start({ handoff }, server);
      const clients = addresses(12);
      for (let slot = 0; slot < 3; slot++) {
        const seen = await inParallel(clients, 4, (client) => replyOf(direct + slot, client));
        expect(new Set(seen.map((each) => each.slot))).toEqual(new Set([slot]));
        expect(await healthOf(direct + slot)).toBe(200);
      }
      const byRing = await inParallel(clients, 4, (client) => replyOf(shared, client));
      expect(new Set(byRing.map(({ slot }) => slot)).size).toBeGreaterThan(1);
      // A connection to an empty slot waits for its next process.
      const { pid } = await replyOf(direct + 1);
      process.kill(pid, 'SIGKILL');
      const after = await replyOf(direct + 1);
      expect(after.slot).toBe(1);
      expect(after.pid).not.toBe(pid);
      await app.hears('ready', ({ slot }) => slot === 1, 2);
    });
  },
);

describe('a direct port', () => {
  test.each(['kernel', 'ipc'] as const)(
    'is served by one other slot while its own is down, without keep-alive (%s)',
    async (handoff) => {
      const { app, direct } = await start({ handoff, respawnGraceMs: 0 });
      const { pid } = await replyOf(direct + 2);
      process.kill(pid, 'SIGKILL');
      const agent = new Agent({ keepAlive: true });
      const away = [];
      // The slot serves its own port again when it is back.
      while (true) {
        const { reply: seen, kept } = await askOn(agent, direct + 2);
        if (seen.slot === 2) break;
        expect(kept).toBe(false);
        away.push(seen.slot);
      }
      expect(new Set(away).size).toBeLessThanOrEqual(1);
      await app.hears('ready', ({ slot }) => slot === 2, 2);
      expect((await askOn(agent, direct + 2)).kept).toBe(true);
      agent.destroy();
    },
  );

  test('never forwards a request to another slot, and still sets the cookie', async () => {
    const { direct } = await start({ affinity: ['cookie', { header: 'x-user' }] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { reply: seen, cookie } = await askOn(agent, direct + 1);
    expect(seen.slot).toBe(1);
    expect(cookie).toMatch(/^limpet=1\.[\w-]{8}\.1\./);
    const other = await ask(direct + 2, from, {
      headers: { cookie: cookie.split(';')[0] as string, 'x-user': 'a' },
    });
    expect(JSON.parse(other.body).slot).toBe(2);
    expect(String(other.headers['set-cookie'])).toMatch(/^limpet=1\.[\w-]{8}\.2\./);
    agent.destroy();
  });

  test('also leads to a plain TCP server', async () => {
    const { direct } = await start({}, 'net');
    const { RawConnection } = await import('../processes/raw.ts');
    const connection = new RawConnection(direct + 2);
    expect(JSON.parse(await connection.closed).slot).toBe(2);
  });

  test('is an error if it overlaps the shared port or is in use, and nothing stays open', async () => {
    const base = await freePorts(4);
    const options = { workers: 3, directPort: base };
    const overlapping = startApp('apps/clients/direct.js', {
      env: {
        LIMPET_TEST_OPTIONS: JSON.stringify(options),
        LIMPET_TEST_WHERE: JSON.stringify({ port: base + 1 }),
      },
    });
    await overlapping.ended;
    expect(overlapping.output).toContain(`option directPort: ${base} to ${base + 2}`);
    const { createServer } = await import('node:net');
    const taken = createServer().listen(base + 2, '127.0.0.1');
    const refused = startApp('apps/clients/direct.js', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify(options) },
    });
    expect((await refused.ended).code).toBe(1);
    expect(refused.output).toContain('ERR_LIMPET_ADDRESS_IN_USE');
    taken.close();
  });
});

describe('a worker that leaves', () => {
  test('answers 503 as its health first, and still serves for noticeMs', async () => {
    const { app, direct, shared } = await start({ noticeMs: 1500 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await askOn(agent, direct)).kept).toBe(true);
    app.kill('SIGTERM');
    while ((await healthOf(direct + 1)) === 200);
    expect(await healthOf(direct)).toBe(503);
    expect(await healthOf(shared)).toBe(503);
    // The idle connection was not closed. Its next response closes it.
    expect(await askOn(agent, direct)).toMatchObject({ kept: false, reply: { slot: 0 } });
    expect(await askOn(new Agent(), direct + 2)).toMatchObject({ kept: false, reply: { slot: 2 } });
    expect((await app.ended).code).toBe(0);
    agent.destroy();
  });

  test('leaves idle connections open if a new worker replaces it', async () => {
    const { app, direct } = await start({ noticeMs: 10_000, workers: 1 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await askOn(agent, direct);
    app.kill('SIGHUP');
    await app.hears('ready', undefined, 2);
    // New connections go to the new worker at once.
    const { pid } = await replyOf(direct);
    expect(pid).not.toBe(before.reply.pid);
    expect(await healthOf(direct)).toBe(200);
    expect(await askOn(agent, direct)).toMatchObject({ kept: false, reply: { pid: before.reply.pid } });
    expect(await askOn(agent, direct)).toMatchObject({ kept: true, reply: { pid } });
    agent.destroy();
    // A graceful stop would take another noticeMs.
    app.kill('SIGKILL');
  });
});

test('scaling up opens the ports of the new slots, and scaling down closes the ports of the removed slots', async () => {
  const direct = await freePorts(4);
  const options = {
    workers: 2,
    directPort: direct,
    healthPath: '/health',
    noticeMs: 400,
    directHost: '127.0.0.2',
    name: `edge-${process.pid}`,
  };
  app = startApp('apps/routers/router.cjs', { env: { LIMPET_TEST_OPTIONS: JSON.stringify(options) } });
  await app.hears('started');
  await app.hears('ready', undefined, 2);
  const at = async (slot: number, path = '/') => ask(direct + slot, from, { host: '127.0.0.2', path });
  await expect(at(2)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await expect(ask(direct, from)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  app.say('scale 3');
  await app.hears('scale');
  expect(JSON.parse((await at(2)).body)).toMatchObject({ name: 'one', slot: 2 });
  // "limpet edge" gets the settings from the running router.
  const words = ['edge', 'nginx', '--name', options.name];
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...words]);
  expect(stdout).toContain(`server 127.0.0.2:${direct + 2} `);
  app.say('scale 1');
  while ((await at(2, '/health')).status === 200);
  expect(JSON.parse((await at(1)).body)).toMatchObject({ slot: 1 });
  await app.hears('scale', undefined, 2);
  await expect(at(1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect((await at(0, '/health')).status).toBe(200);
});
