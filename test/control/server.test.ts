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
/** Where routers of this user are looked for. */
const places = ['XDG_RUNTIME_DIR', 'XDG_STATE_HOME'] as const;
let before: Record<string, string | undefined> = {};
const servers: ControlServer[] = [];

beforeEach(() => {
  before = Object.fromEntries(places.map((name) => [name, process.env[name]]));
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

/** All that comes back when `bytes` are written and the other side closes, or has sent a line. */
async function tell(path: string, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(path);
  let heard = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    heard += chunk;
    if (heard.includes('\n')) socket.end();
  });
  socket.write(bytes);
  await once(socket, 'close');
  return heard;
}

/** A socket whose process was killed. */
async function leaveStale(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('the control socket', () => {
  it('is 0600 in 0700 directories, even where an earlier one was open to others', async () => {
    mkdirSync(join(runtime, 'limpet'), { mode: 0o777 });
    chmodSync(join(runtime, 'limpet'), 0o777);
    const { path } = await open('shop');
    const modes = [path, dirname(path), dirname(dirname(path))].map((each) => statSync(each).mode & 0o777);
    expect(modes).toEqual([0o600, 0o700, 0o700]);
  });

  it('answers by id, an error as code and sentence, and is gone when closed', async () => {
    const server = await open('shop', { double: ({ n }) => (n as number) * 2, nothing: () => undefined });
    const client = await ControlClient.connect(server.path);
    expect(await Promise.all([client.ask('double', { n: 4 }), client.ask('nothing')])).toEqual([8, null]);
    await expect(client.ask('treble')).rejects.toMatchObject({
      code: 'ERR_LIMPET_CONTROL',
      message: expect.stringContaining('knows no command "treble"; it knows double, nothing'),
    });
    await expect(client.ask('toString')).rejects.toThrow('knows no command');
    await server.close();
    expect(existsSync(server.path)).toBe(false);
    await expect(client.ask('double')).rejects.toMatchObject({ code: 'ERR_LIMPET_CONTROL' });
  });

  it('answers what is under way before it closes', async () => {
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

  const malformed: [what: string, bytes: string | Uint8Array, says: RegExp][] = [
    ['no JSON', 'GET / HTTP/1.1\n', /no request: expected a JSON object/],
    ['no object', '[]\n', /expected a JSON object/],
    ['another protocol', '{"limpet":2,"id":1,"command":"x"}\n', /it speaks protocol 2, this router 1/],
    ['no id', '{"limpet":1,"command":"x"}\n', /expected id to be a whole number/],
    ['args of another kind', '{"limpet":1,"id":1,"command":"x","args":7}\n', /args an object/],
    ['a deep nest', `${'['.repeat(60_000)}\n`, /expected a JSON object/],
    ['bytes', Uint8Array.of(0, 255, 254, 10), /expected a JSON object/],
    ['a line without end', 'x'.repeat(requestBytesMax + 1), /longer than 65536 bytes/],
  ];
  it.each(malformed)('answers %s once, closes, and serves on', async (_what, bytes, says) => {
    const server = await open('shop', { ping: () => 'pong' });
    const heard = await tell(server.path, bytes);
    expect(JSON.parse(heard)).toMatchObject({ limpet: 1, id: null, error: { code: 'ERR_LIMPET_CONTROL' } });
    expect(JSON.parse(heard).error.message).toMatch(says);
    const client = await ControlClient.connect(server.path);
    expect(await client.ask('ping')).toBe('pong');
    client.close();
  });

  it('a request in pieces is one request; 17 at once are one too many', async () => {
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

describe('names', () => {
  it('a living router keeps its name; a dead one leaves it', async () => {
    const directory = join(runtime, 'limpet', 'shop');
    await leaveStale(join(directory, '1.sock'));
    await leaveStale(join(directory, `${process.pid}.sock`));
    const { path } = await open('shop');
    expect(existsSync(join(directory, '1.sock'))).toBe(false);
    expect(await runningRouters('shop')).toMatchObject([{ name: 'shop', pid: process.pid, path }]);
  });

  it('is refused to a second router by ERR_LIMPET_NAME_IN_USE, unless that one replaces the first', async () => {
    const directory = join(runtime, 'limpet', 'shop');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const script = `require('net').createServer().listen(${JSON.stringify(join(directory, '77.sock'))}, () => console.log('up'))`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void other.kill('SIGKILL'));
    await once(other.stdout, 'data');
    await expect(open('shop')).rejects.toMatchObject({ code: 'ERR_LIMPET_NAME_IN_USE', facts: { pid: 77 } });
    expect((await runningRouters()).map(({ pid }) => pid)).toEqual([77]);
    const successor = await ControlServer.open({ name: 'shop', commands: {}, replaces: 77 });
    servers.push(successor);
    expect((await runningRouters()).map(({ pid }) => pid)).toEqual([77, process.pid]);
    other.kill('SIGKILL');
    await once(other, 'exit');
  });

  it('a directory that cannot be had is passed over for the next; files that are no sockets are left alone', async () => {
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
