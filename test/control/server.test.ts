import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ControlClient, runningRouters } from '../../src/control/client.ts';
import { type Commands, requestBytesMax } from '../../src/control/protocol.ts';
import { ControlServer } from '../../src/control/server.ts';

let runtime: string;
/** The variables that decide in which directories the control sockets of this user are. */
const variables = ['XDG_RUNTIME_DIR', 'XDG_STATE_HOME'] as const;
let before: Record<string, string | undefined> = {};
const servers: ControlServer[] = [];

beforeEach(() => {
  before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
  runtime = mkdtempSync(join(tmpdir(), 'limpet-control-'));
  process.env.XDG_RUNTIME_DIR = runtime;
  process.env.XDG_STATE_HOME = join(runtime, 'state');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  rmSync(runtime, { recursive: true, force: true });
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

async function open(name: string, commands: Commands = {}): Promise<ControlServer> {
  const server = await ControlServer.open({ name, commands });
  servers.push(server);
  return server;
}

/** Writes `bytes`, and returns what the server sends until it closes, or until its first line is complete. */
async function exchange(path: string, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(path);
  let received = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received += chunk;
    if (received.includes('\n')) socket.end();
  });
  socket.write(bytes);
  await once(socket, 'close');
  return received;
}

/** Leaves the socket of a process that was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('the control socket', () => {
  it('has mode 0600 in directories of mode 0700, even if a directory existed with mode 0777', async () => {
    mkdirSync(join(runtime, 'limpet'), { mode: 0o777 });
    chmodSync(join(runtime, 'limpet'), 0o777);
    const { path } = await open('shop');
    const modes = [path, dirname(path), dirname(dirname(path))].map((each) => statSync(each).mode & 0o777);
    expect(modes).toEqual([0o600, 0o700, 0o700]);
  });

  it('answers each request by its id, sends an error as code and message, and is removed on close', async () => {
    const server = await open('shop', { double: ({ n }) => (n as number) * 2, nothing: () => undefined });
    const client = await ControlClient.connect(server.path);
    expect(await Promise.all([client.ask('double', { n: 4 }), client.ask('nothing')])).toEqual([8, null]);
    await expect(client.ask('treble')).rejects.toMatchObject({
      code: 'ERR_LIMPET_CONTROL',
      message: expect.stringContaining('got the command "treble", expected one of double, nothing'),
    });
    await expect(client.ask('toString')).rejects.toThrow('got the command "toString", expected one of');
    await server.close();
    expect(existsSync(server.path)).toBe(false);
    await expect(client.ask('double')).rejects.toMatchObject({ code: 'ERR_LIMPET_CONTROL' });
  });

  it('answers the requests in progress before it closes', async () => {
    let finish = (_: string): void => {};
    const slow = () => new Promise<string>((resolve) => (finish = resolve));
    const server = await open('shop', { slow });
    const client = await ControlClient.connect(server.path);
    const asked = client.ask('slow');
    await expect.poll(() => finish.length).toBe(1);
    await client.ask('none').catch(() => {});
    const closed = server.close();
    finish('done');
    expect(await asked).toBe('done');
    await closed;
  });

  const malformed: [what: string, bytes: string | Uint8Array, message: RegExp][] = [
    ['text that is not JSON', 'GET / HTTP/1.1\n', /invalid request: expected one line with a JSON object/],
    ['an array', '[]\n', /with a JSON object/],
    ['another protocol version', '{"limpet":2,"id":1,"command":"x"}\n', /protocol version 2, expected 1/],
    ['a request without an id', '{"limpet":1,"command":"x"}\n', /expected id to be a whole number/],
    ['args that are a number', '{"limpet":1,"id":1,"command":"x","args":7}\n', /args an object/],
    ['60,000 nested arrays', `${'['.repeat(60_000)}\n`, /with a JSON object/],
    ['bytes that are not UTF-8', Uint8Array.of(0, 255, 254, 10), /with a JSON object/],
    ['a line that is too long', 'x'.repeat(requestBytesMax + 1), /longer than 65536 bytes/],
  ];
  it.each(malformed)(
    'answers %s with one error, closes the connection, and still serves others',
    async (_what, bytes, message) => {
      const server = await open('shop', { ping: () => 'pong' });
      const answer = JSON.parse(await exchange(server.path, bytes));
      expect(answer).toMatchObject({ limpet: 1, id: null, error: { code: 'ERR_LIMPET_CONTROL' } });
      expect(answer.error.message).toMatch(message);
      const client = await ControlClient.connect(server.path);
      expect(await client.ask('ping')).toBe('pong');
      client.close();
    },
  );

  it('rejects the 17th request at once, and reads a request that arrives byte by byte', async () => {
    const server = await open('shop', { wait: () => new Promise((resolve) => setImmediate(resolve)) });
    const client = await ControlClient.connect(server.path);
    const asked = await Promise.allSettled(Array.from({ length: 17 }, () => client.ask('wait')));
    expect(asked.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1);
    client.close();
    const socket = connect(server.path);
    for (const byte of '{"limpet":1,"id":9,"command":"wait"}\n') socket.write(byte);
    const [answer] = await once(socket, 'data');
    expect(JSON.parse(answer)).toEqual({ limpet: 1, id: 9, result: null });
    socket.destroy();
  });
});

describe('the name of a router', () => {
  it('is free again when its process has died, and the stale socket is removed', async () => {
    const directory = join(runtime, 'limpet', 'shop');
    await leaveStaleSocket(join(directory, '1.sock'));
    await leaveStaleSocket(join(directory, `${process.pid}.sock`));
    const { path } = await open('shop');
    expect(existsSync(join(directory, '1.sock'))).toBe(false);
    expect(await runningRouters('shop')).toMatchObject([{ name: 'shop', pid: process.pid, path }]);
  });

  it('is refused to a second router with ERR_LIMPET_NAME_IN_USE, unless the second replaces the first', async () => {
    const directory = join(runtime, 'limpet', 'shop');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const script = `require('net').createServer().listen(${JSON.stringify(join(directory, '77.sock'))}, () => console.log('up'))`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void other.kill('SIGKILL'));
    await once(other.stdout, 'data');
    await expect(open('shop')).rejects.toMatchObject({ code: 'ERR_LIMPET_NAME_IN_USE', facts: { pid: 77 } });
    expect((await runningRouters()).map(({ pid }) => pid)).toEqual([77]);
    const replacement = await ControlServer.open({ name: 'shop', commands: {}, replaces: 77 });
    servers.push(replacement);
    expect((await runningRouters()).map(({ pid }) => pid)).toEqual([77, process.pid]);
    other.kill('SIGKILL');
    await once(other, 'exit');
  });

  it('gets its socket in the next directory if the first cannot be created, and other files there are ignored', async () => {
    writeFileSync(join(runtime, 'limpet'), 'in the way');
    const state = process.env.XDG_STATE_HOME;
    process.env.XDG_STATE_HOME = join(runtime, 'state');
    try {
      const { path } = await open('shop');
      expect(path).toBe(join(runtime, 'state/limpet/run/shop', `${process.pid}.sock`));
      writeFileSync(join(dirname(path), 'note.txt'), '');
      expect(await runningRouters('shop')).toHaveLength(1);
    } finally {
      if (state === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = state;
    }
  });
});
