import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RouterOptions } from '../../../src/options.ts';
import { request } from '../../affinity/heads.ts';
import { makeCertificate } from '../../integration/certificate.ts';
import { type App, startApp } from '../../processes/app.js';
import { RawConnection } from '../../processes/raw.js';

interface Facts {
  slot: number;
  pid: number;
  method: string;
  url: string;
  from: string;
  encrypted: boolean;
  headers: Record<string, string>;
  length: number;
  trailers: Record<string, string>;
}

let app: App | undefined;
let certificate: ReturnType<typeof makeCertificate>;
beforeAll(() => {
  certificate = makeCertificate();
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

async function start(options: RouterOptions, env: Record<string, string> = {}): Promise<number> {
  app = startApp('apps/clients/forwarded.js', {
    env: {
      LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 3, affinity: { header: 'x-user' }, ...options }),
      ...env,
    },
  });
  const { port } = await app.hears('listening');
  await app.hears('ready', undefined, 3);
  return port as number;
}

/** Finds one user of each slot. Each attempt has its own connection. */
async function userOfEachSlot(port: number): Promise<string[]> {
  const users: string[] = [];
  for (let i = 0; users.filter(Boolean).length < 3; i++) {
    const connection = new RawConnection(port);
    await connection.write(request('/', `x-user: ${i}`, 'Connection: close'));
    const slot = Number((await connection.until(/"slot":(\d)/))[1]);
    users[slot] ??= String(i);
    connection.socket.destroy();
  }
  return users;
}

/** A connection whose first request came from this user, and which has received the response. */
async function connectionOf(port: number, user: string | undefined): Promise<RawConnection> {
  const connection = new RawConnection(port);
  await connection.write(request('/', `x-user: ${user}`));
  await connection.until(/\r\n0\r\n/);
  return connection;
}

/** The first response body behind the first `from` characters of `connection.received`. */
async function next(connection: RawConnection, from: number): Promise<Facts> {
  const pattern = new RegExp(
    `^[\\s\\S]{${from}}[\\s\\S]*?\\r\\n\\r\\n[0-9a-f]+\\r\\n(\\{.*\\})\\r\\n0\\r\\n`,
  );
  return JSON.parse((await connection.until(pattern))[1] as string) as Facts;
}

describe.each(['fd', 'ipc'] as const)('request forwarding over %s', (handoff) => {
  test('each request of a keep-alive connection reaches its own client’s worker, with the client’s address', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = new RawConnection(port, '127.0.0.44');
    for (const [slot, user] of [...users.entries(), ...users.entries()]) {
      const from = connection.received.length;
      await connection.write(
        `POST /path?q=1 HTTP/1.1\r\nHost: a\r\nX-User: ${user}\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n` +
          'Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Kept: 1\r\n\r\n5\r\nhello\r\n0\r\nX-T: end\r\n\r\n',
      );
      const facts = await next(connection, from);
      expect(facts).toMatchObject({
        slot,
        method: 'POST',
        url: '/path?q=1',
        from: '127.0.0.44',
        length: 5,
        trailers: { 'x-t': 'end' },
        headers: { host: 'a', 'x-user': user, 'x-kept': '1' },
      });
      await connection.until(new RegExp(`^[\\s\\S]{${from}}[\\s\\S]*\\r\\n0\\r\\nX-Sum: 5\\r\\n\\r\\n`));
      expect(connection.received.slice(from).match(/^date:/gim)).toHaveLength(1);
    }
    connection.socket.destroy();
  });

  test('pipelined requests of three clients are answered in order', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = new RawConnection(port);
    await connection.write(users.map((user, i) => request(`/${i}`, `x-user: ${user}`)).join(''));
    await connection.until(
      /"slot":0[\s\S]*"url":"\/0"[\s\S]*"slot":1[\s\S]*"url":"\/1"[\s\S]*"slot":2[\s\S]*"url":"\/2"[\s\S]*\r\n0\r\n/,
    );
    connection.socket.destroy();
  });

  test('events reach the client at once, and its abort reaches the peer', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = new RawConnection(port);
    await connection.write(request('/', `x-user: ${users[0]}`) + request('/events', `x-user: ${users[1]}`));
    await connection.until(/data: .*"slot":1[\s\S]*data: beat[\s\S]*data: beat/);
    connection.socket.destroy();
    expect(await (app as App).hears('aborted')).toMatchObject({ slot: 1 });
  });

  test('a client that does not read causes backpressure at the peer', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    connection.socket.pause();
    await connection.write(request('/big?chunks=800', `x-user: ${users[2]}`));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((app as App).told.some(({ event }) => event === 'sent')).toBe(false);
    connection.socket.resume();
    expect(await (app as App).hears('sent')).toMatchObject({ slot: 2 });
    connection.socket.destroy();
  });

  test('an upgrade reaches its peer, with the bytes of both directions', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    await connection.write(request('/', `x-user: ${users[1]}`, 'Connection: Upgrade', 'Upgrade: echo'));
    await connection.until(/101 Switching Protocols[\s\S]*"slot":1/);
    await connection.write('over and out');
    await connection.until(/over and out/);
    connection.socket.end();
    await connection.closed;
  });

  test('a client that resets while its upgrade is forwarded does no harm', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    for (let i = 0; i < 60; i++) {
      const connection = await connectionOf(port, users[0]);
      await connection.write(request('/', `x-user: ${users[1]}`, 'Connection: Upgrade', 'Upgrade: echo'));
      connection.socket.resetAndDestroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((app as App).output).not.toContain('ECONNRESET');
    expect((app as App).told.filter(({ event }) => event === 'ready')).toHaveLength(3);
    // None of these connections delays the end of the router.
    expect((await (app as App).stop()).signal).not.toBe('SIGKILL');
    app = undefined;
  });

  test('HTTP/1.0 needs no Host, a POST needs no body and no length, and response headers may be large', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    const asked = async (bytes: string): Promise<Facts> => {
      const from = connection.received.length;
      await connection.write(bytes);
      return next(connection, from);
    };
    expect((await asked(request('/wordy', `x-user: ${users[1]}`))).slot).toBe(1);
    const { slot, headers } = await asked(`POST / HTTP/1.1\r\nHost: a\r\nx-user: ${users[1]}\r\n\r\n`);
    expect(slot).toBe(1);
    expect(headers).not.toHaveProperty('transfer-encoding');
    await connection.write(`GET /old HTTP/1.0\r\nx-user: ${users[1]}\r\n\r\n`);
    expect(await connection.closed).toMatch(/\{"slot":1,.*"url":"\/old"/);
    expect((app as App).told.filter(({ event }) => event === 'ready')).toHaveLength(3);
  });

  test('a body is never read as a request, even if Connection names its length', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    for (const method of ['GET', 'PATCH']) {
      const from = connection.received.length;
      const body = request('/smuggled', `x-user: ${users[1]}`);
      await connection.write(
        `${method} / HTTP/1.1\r\nHost: a\r\nx-user: ${users[1]}\r\nX-Real-IP: 192.0.2.1\r\n` +
          `Connection: content-length, host, x-real-ip\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      expect(await next(connection, from)).toMatchObject({
        slot: 1,
        url: '/',
        length: body.length,
        headers: { 'x-real-ip': '192.0.2.1' },
      });
      await connection.write(request('/next', `x-user: ${users[1]}`));
      await connection.until(/"url":"\/next"/);
    }
    expect(connection.received).not.toContain('/smuggled');
    connection.socket.destroy();
  });

  test('the peer decides about 100 Continue', async () => {
    const port = await start({ handoff }, { LIMPET_TEST_CONTINUE: '1' });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    const ask = (...more: string[]): string =>
      [
        'POST / HTTP/1.1',
        'Host: a',
        `x-user: ${users[1]}`,
        'Content-Length: 4',
        'Expect: 100-continue',
        ...more,
        '\r\n',
      ].join('\r\n');
    await connection.write(ask());
    await connection.until(/HTTP\/1\.1 100 Continue\r\n\r\n$/);
    await connection.write('body');
    await connection.until(/"slot":1.*"length":4/);
    await connection.write(ask('X-No: 1'));
    await connection.until(/HTTP\/1\.1 417/);
    connection.socket.destroy();
  });

  test('Early Hints precede the response, except malformed ones, and except for HTTP/1.0', async () => {
    const port = await start({ handoff });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    const ask = async (path: string, version = '1.1') => {
      const from = connection.received.length;
      await connection.write(`GET ${path} HTTP/${version}\r\nHost: a\r\nx-user: ${users[1]}\r\n\r\n`);
      await connection.until(new RegExp(`^[\\s\\S]{${from}}[\\s\\S]*"slot":1`));
      return connection.received.slice(from);
    };
    expect(await ask('/hints')).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload; as=style, <\/b\.js>; rel=preload\r\nx-hint: kept\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    expect(await ask('/odd-hints')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(await ask('/hints', '1.0')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    connection.socket.destroy();
  });

  test('a request to a peer that dies gets 502 if it may have had its effect, else another worker serves it', async () => {
    const port = await start({ handoff, respawnGraceMs: 0 });
    const users = await userOfEachSlot(port);
    const connection = await connectionOf(port, users[0]);
    await connection.write(
      `POST /die HTTP/1.1\r\nHost: a\r\nx-user: ${users[1]}\r\nContent-Length: 1\r\n\r\nx`,
    );
    expect(await connection.closed).toMatch(/HTTP\/1\.1 502 Bad Gateway/);
    const other = new RawConnection(port);
    for (let i = 0; i < 5; i++) {
      const from = other.received.length;
      await other.write(request('/', `x-user: ${users[1]}`));
      await next(other, from);
    }
    other.socket.destroy();
  });

  test.each([false, true])(
    'rules behind proxy-protocol apply to connections without a PROXY header (TLS: %s)',
    async (tls) => {
      const affinity = ['proxy-protocol', { header: 'x-user' }] as const;
      const trust = { trust: 'loopback', proxyProtocol: 'optional' } as const;
      const port = await start({ handoff, affinity: [...affinity], ...trust }, tls ? certificate : {});
      /** The slots that serve forty users on one connection. With forty users, no slot is left out by chance. */
      const slots = async (begin?: string): Promise<Set<number>> => {
        const raw = connect(port, '127.0.0.1');
        if (begin) raw.write(begin);
        const stream = tls ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
        let received = '';
        stream.setEncoding('latin1').on('data', (text) => {
          received += text;
        });
        const seen = new Set<number>();
        for (let user = 0; user < 40; user++) {
          received = '';
          stream.write(request('/', `x-user: ${user}`));
          while (!received.endsWith('0\r\n\r\n') && !/X-Sum: .*\r\n\r\n$/.test(received))
            await once(stream, 'data');
          seen.add(Number(/"slot":(\d)/.exec(received)?.[1]));
        }
        stream.destroy();
        return seen;
      };
      expect((await slots()).size).toBe(3);
      expect((await slots('PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n')).size).toBe(1);
      expect((await slots('PROXY UNKNOWN\r\n')).size).toBe(3);
    },
  );

  test('requests to a TLS server are forwarded after the handshake', async () => {
    const port = await start({ handoff }, certificate);
    const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    const seen = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const options = { port, host: '127.0.0.1', agent, headers: { 'x-user': `u${i}` } };
      const facts = await get(options);
      expect(facts.encrypted).toBe(true);
      seen.add(facts.slot);
      expect((await get({ ...options, agent: new TlsAgent({ rejectUnauthorized: false }) })).slot).toBe(
        facts.slot,
      );
    }
    agent.destroy();
    expect(seen.size).toBeGreaterThan(1);
  });
});

function get(options: object): Promise<Facts> {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(options, (res: IncomingMessage) => {
      let body = '';
      res.on('data', (chunk) => {
        body += chunk;
      });
      res.on('end', () => resolve(JSON.parse(body) as Facts));
    });
    asked.on('error', reject);
    asked.end();
  });
}
