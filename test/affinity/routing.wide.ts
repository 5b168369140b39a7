import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { RouterOptions } from '../../src/options.ts';
import { type App, startApp } from '../processes/app.js';
import { addresses, inParallel } from '../processes/clients.js';
import { exchange, RawConnection } from '../processes/raw.js';
import { proxyV2, request } from './heads.ts';

interface Served {
  slot: number;
  pid: number;
  url: string;
  remoteAddress: string;
  remotePort: number;
  length: number;
  hash: string;
}

let app: App | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

async function start(options: RouterOptions): Promise<number> {
  app = startApp('apps/clients/heads.js', {
    env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 3, ...options }) },
  });
  const { port } = await app.hears('listening');
  await app.hears('ready', undefined, 3);
  return port as number;
}

/** The slot that serves each of `heads`. */
async function slotsOf(
  port: number,
  heads: readonly (string | Uint8Array)[],
  from?: string,
): Promise<number[]> {
  return inParallel(heads, 16, async (head) => (await exchange<Served>(port, head, from)).slot);
}

const users = Array.from({ length: 60 }, (_, i) => `user-${i}`);

describe.each(['fd', 'ipc'] as const)('%s', (handoff) => {
  test('header: each user has one worker, from any address', async () => {
    const port = await start({ handoff, affinity: { header: 'X-User' } });
    const heads = users.map((user) => request('/', `x-user: ${user}`));
    const first = await slotsOf(port, heads);
    expect(new Set(first).size).toBe(3);
    expect(await slotsOf(port, heads, '127.0.0.77')).toEqual(first);
  });

  test('query and cookie of the app: a client without either is placed by its address', async () => {
    const port = await start({ handoff, affinity: [{ query: 'room' }, { cookie: 'sid' }] });
    const rooms = await slotsOf(
      port,
      users.map((user) => request(`/?room=${user}`, 'Cookie: sid=x')),
    );
    const cookies = await slotsOf(
      port,
      users.map((user) => request('/', `Cookie: a=b; sid=${user}`)),
    );
    expect(cookies).toEqual(rooms);
    expect(new Set(rooms).size).toBe(3);
    const strangers = await slotsOf(
      port,
      users.map(() => request('/')),
    );
    expect(new Set(strangers).size).toBe(1);
  });

  test('forwarded: the address that the trusted proxy appended decides, not those that the client wrote', async () => {
    const port = await start({ handoff, affinity: 'forwarded', trust: 'loopback' });
    const clients = addresses(60).map((address) => address.replace('127.', '203.'));
    const first = await slotsOf(
      port,
      clients.map((client) => request('/', `X-Forwarded-For: ${client}`)),
    );
    const spoofed = await slotsOf(
      port,
      clients.map((client, i) => request('/', `X-Forwarded-For: 9.9.9.${i}, ${client}`)),
    );
    expect(new Set(first).size).toBe(3);
    expect(spoofed).toEqual(first);
    expect(
      await slotsOf(
        port,
        clients.map((client) => request('/', `Forwarded: for=${client}`)),
      ),
    ).toEqual(first);
  });

  test('proxy-protocol: the worker sees the client of the header, and the stream without the header', async () => {
    const port = await start({ handoff, affinity: 'proxy-protocol', trust: '127.0.0.1' });
    const clients = addresses(60).map((address) => address.replace('127.', '203.'));
    const v1 = clients.map((client) => `PROXY TCP4 ${client} 192.0.2.1 4711 443\r\n${request('/x')}`);
    const v2 = clients.map((client) =>
      Buffer.concat([proxyV2(client, '192.0.2.1', { crc: 'right' }), Buffer.from(request('/x'))]),
    );
    const first = await slotsOf(port, v1);
    expect(new Set(first).size).toBe(3);
    expect(await slotsOf(port, v2)).toEqual(first);
    expect(await exchange<Served>(port, v1[7] as string)).toMatchObject({
      url: '/x',
      remoteAddress: clients[7],
      remotePort: 4711,
    });
    expect(await exchange<Served>(port, `PROXY TCP6 2001:db8::7 ::1 9 9\r\n${request('/x')}`)).toMatchObject({
      remoteAddress: '2001:db8::7',
      remotePort: 9,
    });
    // From a peer that is not trusted, the worker gets the header, which is not HTTP.
    const stranger = new RawConnection(port, '127.0.0.2');
    await stranger.write(v1[0] as string);
    expect(await stranger.closed).toMatch(/^HTTP\/1\.1 400/);
    const plain = new RawConnection(port);
    await plain.write(request('/'));
    expect(await plain.closed).toBe('');
  });

  test('proxyProtocol optional: a peer may come without a header, a malformed header is refused', async () => {
    const port = await start({
      handoff,
      affinity: 'proxy-protocol',
      trust: 'loopback',
      proxyProtocol: 'optional',
    });
    expect(await exchange<Served>(port, request('/'))).toMatchObject({ remoteAddress: '127.0.0.1' });
    const malformed = new RawConnection(port);
    await malformed.write('PROXY TCP4 nonsense\r\n');
    expect(await malformed.closed).toBe('');
  });

  test('a head may arrive in any portions, before a binary body and a second request', async () => {
    const port = await start({ handoff, affinity: { header: 'x-user' }, headTimeoutMs: 10_000 });
    const body = randomBytes(3_000_000);
    const head = `POST /big HTTP/1.1\r\nHost: a\r\nx-user: ada\r\nContent-Length: ${body.length}\r\n\r\n`;
    const expected = (await exchange<Served>(port, request('/', 'x-user: ada'))).slot;
    const hash = createHash('sha256').update(body).digest('hex');
    for (const step of [1, 7, head.length]) {
      const connection = new RawConnection(port);
      for (let at = 0; at < head.length; at += step) {
        await connection.write(head.slice(at, at + step));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await connection.write(body);
      const [, json] = await connection.until(/\r\n\r\n(\{.*\})/);
      expect(JSON.parse(json as string)).toMatchObject({ slot: expected, length: body.length, hash });
      await connection.write(request('/second', 'x-user: ada'));
      await connection.until(/"url":"\/second"/);
      connection.socket.destroy();
    }
    const pipelined = new RawConnection(port);
    await pipelined.write(request('/1', 'x-user: ada') + request('/2', 'x-user: ada'));
    await pipelined.until(/"url":"\/1".*"url":"\/2"/s);
    pipelined.socket.destroy();
  });

  test('a head that is too long, too late or absent is refused, a half-closed connection is served', async () => {
    const port = await start({
      handoff,
      affinity: { header: 'x-user' },
      headBytes: 1024,
      headTimeoutMs: 300,
    });
    const long = new RawConnection(port);
    await long.write(`GET / HTTP/1.1\r\nx: ${'y'.repeat(5000)}`);
    expect(await long.closed).toBe(
      'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    );
    const late = new RawConnection(port);
    await late.write('GET / HTTP/1.1\r\n');
    expect(await late.closed).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(await new RawConnection(port).closed).toBe('');
    const half = new RawConnection(port);
    half.socket.end(request('/', 'x-user: ada'));
    await half.until(/"slot"/);
    const broken = new RawConnection(port);
    broken.socket.end('GET / HTTP/1.1\r\nx-us');
    expect(await broken.closed).toMatch(/^HTTP\/1\.1 400/);
    const tls = new RawConnection(port);
    await tls.write(Buffer.from('16030100c8010000c40303', 'hex'));
    expect(await tls.closed).toMatch(/^HTTP\/1\.1 400/);
  });

  test('the oldest pending connection makes room for the newest', async () => {
    const port = await start({
      handoff,
      affinity: { header: 'x-user' },
      pendingPerAddressMax: 3,
      pendingMax: 5,
    });
    const open = async (from: string): Promise<RawConnection> => {
      const connection = new RawConnection(port, from);
      await connection.write('GET / HTTP/1.1\r\n');
      return connection;
    };
    const flood: RawConnection[] = [];
    for (let i = 0; i < 4; i++) flood.push(await open('127.0.0.9'));
    expect(await (flood[0] as RawConnection).closed).toMatch(/^HTTP\/1\.1 503/);
    for (let i = 0; i < 3; i++) flood.push(await open(`127.0.0.${20 + i}`));
    expect(await (flood[1] as RawConnection).closed).toMatch(/^HTTP\/1\.1 503/);
    expect((await exchange<Served>(port, request('/', 'x-user: ada'), '127.0.0.9')).url).toBe('/');
    for (const connection of flood) connection.socket.destroy();
  });

  test('cookie: browsers behind one address get different workers, come back to them, and cannot forge a cookie', async () => {
    const port = await start({ handoff, affinity: 'cookie', spread: 'least-connections' });
    const visit = async (cookie?: string): Promise<{ slot: number; set: string | undefined }> => {
      const connection = new RawConnection(port);
      await connection.write(request('/', ...(cookie ? [`Cookie: ${cookie}`] : [])));
      await connection.until(/"slot":\d+.*\}/);
      connection.socket.destroy();
      const set = connection.received.match(/set-cookie: (limpet=[^;\r]+)/i)?.[1];
      return { slot: Number(connection.received.match(/"slot":(\d+)/)?.[1]), set };
    };
    const visits = [];
    for (let i = 0; i < 9; i++) visits.push(await visit());
    expect(new Set(visits.map(({ slot }) => slot)).size).toBe(3);
    for (const { slot, set } of visits) {
      expect(set).toBeDefined();
      expect(await visit(set)).toEqual({ slot, set: undefined });
      const forged = (set as string).replace(/\d\.(\d+)\.([0-9a-f]+)$/, `${(slot + 1) % 3}.$1.$2`);
      expect((await visit(forged)).set).toBeDefined();
    }
    const own = new RawConnection(port);
    await own.write(request('/own-cookie'));
    await own.until(/"slot"/);
    expect(own.received).toMatch(/set-cookie: own=1\r\n(.*\r\n)*set-cookie: limpet=1\./i);
    own.socket.destroy();
  });

  test('a cookie outlives its worker, and while the slot is down the response sets another', async () => {
    const port = await start({ handoff, affinity: 'cookie', respawnGraceMs: 0 });
    const connection = new RawConnection(port);
    await connection.write(request('/'));
    const [, slot, pid] = await connection.until(/"slot":(\d+),"pid":(\d+)/);
    const cookie = connection.received.match(/set-cookie: (limpet=[^;\r]+)/i)?.[1];
    connection.socket.destroy();
    process.kill(Number(pid), 'SIGKILL');
    const head = request('/', `Cookie: ${cookie}`);
    for (;;) {
      const back = await exchange<Served>(port, head);
      if (String(back.slot) === slot) {
        expect(String(back.pid)).not.toBe(pid);
        break;
      }
    }
  });
});
