import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { App } from '../processes/app.ts';
import { addresses, ask, inParallel } from '../processes/clients.ts';
import { uwsEnvironment } from '../uws/index.ts';
import { Home } from './limpet.ts';

interface Who {
  slot: number;
  pid: number;
}

const apps = fileURLToPath(new URL('../fixtures/unmodified/', import.meta.url));
const home = new Home();
let app: App | undefined;

afterEach(async () => {
  await app?.stop();
  app = undefined;
});
afterAll(() => home.leave());

const patient = ['--respawn-grace-ms', '30000'];

/** Runs `limpet start` and waits until all workers are ready. The log is JSON, with the app's lines between. */
async function start(file: string, flags: string[] = [], args: string[] = [], workers = 2): Promise<App> {
  app = home.start(['start', join(apps, file), '-w', `${workers}`, ...patient, ...flags, '--', ...args], {
    env: uwsEnvironment(),
  });
  for (let slot = 0; slot < workers; slot++)
    await app.says(new RegExp(`^slot ${slot}: worker \\d+ is ready`));
  return app;
}

async function portOf(from: App): Promise<number> {
  return ((await from.says(/^listening on/)).address as AddressInfo).port;
}

/** Sends two requests from each of many addresses. Both must reach the same process, and both slots must get clients. */
async function expectSticky(port: number, host?: string): Promise<void> {
  const clients = addresses(24);
  const who = async (from: string) => JSON.parse((await ask(port, from, host ? { host } : {})).body) as Who;
  const first = await inParallel(clients, 8, who);
  const second = await inParallel(clients, 8, who);
  expect(second.map(({ pid }) => pid)).toEqual(first.map(({ pid }) => pid));
  expect(new Set(first.map(({ slot }) => slot))).toEqual(new Set([0, 1]));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('limpet start, with an unmodified app', () => {
  it.each(['express.mjs', 'koa.mjs', 'fastify.cjs', 'uws.cjs'])('serves %s', async (file) => {
    const port = await freePort();
    const running = await start(file, ['--port', String(port)]);
    expect(await portOf(running)).toBe(port);
    await expectSticky(port);
  });

  it('serves socket.io.cjs by its sessions: a client stays while it polls and when it upgrades', async () => {
    const running = await start('socket-io.cjs', ['--affinity', 'socket.io,address', '--host', '127.0.0.1']);
    const port = await portOf(running);
    const client = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false });
    const [who] = await new Promise<Who[]>((resolve, reject) => {
      client.once('whoami', (...reply) => resolve(reply));
      client.once('connect_error', reject);
    });
    if (client.io.engine.transport.name !== 'websocket') {
      await new Promise((resolve) => client.io.engine.once('upgrade', resolve));
    }
    client.close();
    expect([0, 1]).toContain(who?.slot);
  });

  it('serves typed.ts through --import', async () => {
    const running = await start('typed.ts', ['--import', join(apps, 'typescript-hooks.mjs')], [], 1);
    expect((await ask(await portOf(running), '127.0.0.1')).status).toBe(200);
  });

  it('closes the server by the signal of listen(), and starts a new process in the slot', async () => {
    const running = await start(
      'plain.cjs',
      [],
      ['[{"port":0,"host":"127.0.0.1","ipv6Only":false,"signal":true}]'],
    );
    const port = await portOf(running);
    const { pid } = JSON.parse((await ask(port, '127.0.0.1', { path: '/abort' })).body) as Who;
    await running.says(new RegExp(`worker ${pid} is gone`));
    expect(JSON.parse((await ask(port, '127.0.0.1')).body).pid).not.toBe(pid);
  });

  it('serves a unix-domain socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-unix-'));
    try {
      const socketPath = join(folder, 'app.sock');
      await start('plain.cjs', [], [JSON.stringify([socketPath])]);
      const sent = request({ socketPath, path: '/' }).end();
      const [answer] = await once(sent, 'response');
      expect(answer.statusCode).toBe(200);
      answer.resume();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("serves the port that --port names, and leaves the app's other ports to Node's cluster", async () => {
    const [other, port] = [await freePort(), await freePort()];
    const running = await start('plain.cjs', ['-p', String(port)], [`[${other}]`, `[${port}]`]);
    await expectSticky(port);
    expect((await ask(other, '127.0.0.1')).status).toBe(200);
    const listening = running.output.match(/"msg":"listening on/g);
    expect(listening).toHaveLength(1);
  });

  it('serves the first port without --port, keeps a CommonJS app the main module, and hides the preload from its children', async () => {
    const running = await start('plain.cjs', [], ['[0,"127.0.0.1"]', '[0,"127.0.0.1"]']);
    const { body } = await ask(await portOf(running), '127.0.0.1');
    expect(JSON.parse(body)).toMatchObject({ main: true, execArgv: [] });
    expect(running.output.match(/"msg":"listening on/g)).toHaveLength(1);
  });
});

describe('an app that listens more than once', () => {
  it('may first probe whether its port is free', async () => {
    const port = await freePort();
    const running = await start('probe.cjs', [], [String(port)]);
    await expectSticky(port);
    expect(running.output).not.toContain('is gone');
  });
});

describe('the log', () => {
  it('is text with --no-json: without colours if stdout is not a terminal, and with the slot before the lines of a worker', async () => {
    app = home.start([
      'start',
      join(apps, 'plain.cjs'),
      '-w',
      '1',
      '--no-json',
      '--name',
      'quiet',
      '--',
      '[0,"127.0.0.1"]',
    ]);
    await app.outputs('0 | {"event":"up"');
    expect(app.output).toMatch(/^\d\d:\d\d:\d\d {2}starting \/.*plain\.cjs on 1 worker, as router quiet$/m);
    expect(app.output).toMatch(/^\d\d:\d\d:\d\d {2}listening on 127\.0\.0\.1:\d+, handoff /m);
    expect(app.output).not.toContain('\x1b');
    expect((await app.stop()).code).toBe(0);
  });
});

describe('a port that another process uses', () => {
  it('is one line on stderr without a stack, and exit code 1', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const { code, err, out } = home.limpet([
      'start',
      join(apps, 'plain.cjs'),
      '-w',
      '2',
      '--',
      `[${port},"127.0.0.1"]`,
    ]);
    holder.close();
    expect(code).toBe(1);
    expect(err).toMatch(
      new RegExp(`^limpet: cannot listen on 127.0.0.1:${port}: .*ERR_LIMPET_ADDRESS_IN_USE\\)\n$`),
    );
    expect(out + err).not.toMatch(/^\s+at /m);
  });

  it('is an error event in the app, as from Node, and the next port of the app is served', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const running = await start('busy.cjs', [], [String(port)]);
    holder.close();
    const refused = await running.hears('refused');
    expect(refused).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port });
    expect((await ask(await portOf(running), '127.0.0.1')).status).toBe(200);
  });
});
