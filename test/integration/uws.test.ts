import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { get, request } from 'node:https';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { needs } from '../needs.ts';
import { ask } from '../processes/clients.ts';
import { uwsEnvironment } from '../uws/index.ts';
import { makeCertificate } from './certificate.ts';
import { RawClient } from './raw.ts';
import { describeServed, expectSticky, type Told } from './served.ts';

type Answer = Told & { readonly from: string; readonly waiting: number };

async function who(port: number, from = '127.0.0.1', host?: string): Promise<Answer> {
  return JSON.parse((await ask(port, from, host === undefined ? {} : { host })).body);
}

/** Connects, and receives who serves the WebSocket. */
async function open(url: string, from: string, ca?: string): Promise<{ socket: WebSocket; told: Answer }> {
  const socket = new WebSocket(url, { localAddress: from, ...(ca === undefined ? {} : { ca }) });
  const [data] = await once(socket, 'message');
  return { socket, told: JSON.parse(String(data)) };
}

const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex');

/** Uploads `body` to /digest. Resolves with the digest that the app returns. */
async function upload(post: ClientRequest, body: Buffer): Promise<string> {
  post.end(body);
  const [response] = (await once(post, 'response')) as [IncomingMessage];
  return String(Buffer.concat(await response.toArray()));
}

/** The digest of the response to /large/<mebibytes>. */
function largeDigest(mebibytes: number): string {
  const hash = createHash('sha256');
  for (let n = 0; n < mebibytes; n++) hash.update(Buffer.alloc(1 << 20, n));
  return hash.digest('hex');
}

describeServed(
  'uWebSockets.js',
  'uws.js',
  (app) => {
    test('a client is always served by one worker', async () => {
      await expectSticky((from) => who(app.port, from));
    });

    test('clientAddress() returns the address of the client', async () => {
      expect((await who(app.port, '127.0.4.4')).from).toBe('127.0.4.4');
    });

    test('an upload of 64 MiB arrives whole', async () => {
      const body = randomBytes(64 << 20);
      const post = plainRequest({ port: app.port, path: '/digest', method: 'POST', agent: false });
      expect(await upload(post, body)).toBe(sha256(body));
    });

    test('a client that reads slowly causes backpressure, and gets its whole response', async () => {
      const client = connect({ port: app.port, host: '127.0.0.1', localAddress: '127.0.4.5' });
      client.write('GET /large/64 HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(client, 'readable');
      for (let asked = 0; (await who(app.port, '127.0.4.5')).waiting === 0; asked++) {
        expect(asked, 'requests until backpressure').toBeLessThan(1000);
      }
      const hash = createHash('sha256');
      let head: Buffer | undefined = Buffer.alloc(0);
      let left = 64 << 20;
      for await (const chunk of client as AsyncIterable<Buffer>) {
        let body = chunk;
        if (head) {
          head = Buffer.concat([head, chunk]);
          const end = head.indexOf('\r\n\r\n');
          if (end === -1) continue;
          body = head.subarray(end + 4);
          head = undefined;
        }
        hash.update(body);
        left -= body.length;
        if (left <= 0) break;
      }
      expect([left, hash.digest('hex')]).toEqual([0, largeDigest(64)]);
    });

    test('pipelined requests are answered in their order', async () => {
      const client = new RawClient(app.port);
      const paths = Array.from({ length: 10 }, (_, n) => `/${n}`);
      client.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
      const answers = await client.until('"/9"');
      expect([...answers.matchAll(/"url":"([^"]+)"/g)].map(([, url]) => url)).toEqual(paths);
      client.destroy();
    });

    test('clients that reset before they are served do no harm', async () => {
      const { pid } = await who(app.port, '127.0.4.6');
      for (let n = 0; n < 50; n++) {
        const client = connect({ port: app.port, host: '127.0.0.1', localAddress: '127.0.4.6' });
        await once(client, 'connect');
        if (n % 2 === 0) client.write('GET / HT');
        client.resetAndDestroy();
      }
      expect((await who(app.port, '127.0.4.6')).pid).toBe(pid);
    });

    test('a WebSocket client is always served by one worker, which sees its address', async () => {
      await expectSticky(async (from) => {
        const { socket, told } = await open(`ws://127.0.0.1:${app.port}`, from);
        socket.terminate();
        expect(told.from).toBe(from);
        return told;
      });
    });

    test('messages of 0 bytes to 1 MiB come back as they were sent', async () => {
      const { socket } = await open(`ws://127.0.0.1:${app.port}`, '127.0.0.1');
      for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
        const message = randomBytes(size);
        socket.send(message);
        const [echo, isBinary] = await once(socket, 'message');
        expect(isBinary && message.equals(echo as Buffer), `${size} bytes`).toBe(true);
      }
      socket.close();
      await once(socket, 'close');
    });
  },
  uwsEnvironment(),
);

describeServed(
  'uWebSockets.js on a dual-stack listener',
  'uws.js',
  (app) => {
    test('IPv4 and IPv6 clients have the addresses that they have on single-stack listeners', async () => {
      expect((await who(app.port, '127.0.4.7')).from).toBe('127.0.4.7');
      expect((await who(app.port, '::1', '::1')).from).toBe('::1');
    });
  },
  { ...uwsEnvironment(), LIMPET_TEST_WHERE: '{"port":0,"host":"::"}' },
);

if (needs('openssl')) {
  const certificate = makeCertificate();
  const ca = certificate.TLS_CERTIFICATE;
  const asked = (options: object): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', ca, agent: false, ...options }, resolve).on('error', reject);
    });

  describeServed(
    'SSLApp of uWebSockets.js',
    'uws.js',
    (app) => {
      test('a client is always served by one worker, which sees its address', async () => {
        await expectSticky(async (from) => {
          const response = await asked({ port: app.port, localAddress: from });
          const told: Answer = JSON.parse(String(Buffer.concat(await response.toArray())));
          expect(told.from).toBe(from);
          return told;
        });
      });

      test('a large answer and a large upload arrive whole', async () => {
        const response = await asked({ port: app.port, path: '/large/16' });
        const hash = createHash('sha256');
        for await (const chunk of response) hash.update(chunk);
        expect(hash.digest('hex')).toBe(largeDigest(16));

        const body = randomBytes(16 << 20);
        const to = { port: app.port, host: '127.0.0.1', path: '/digest', method: 'POST', ca, agent: false };
        expect(await upload(request(to), body)).toBe(sha256(body));
      });

      test('the same worker serves a WebSocket and the requests of its client', async () => {
        const { socket, told } = await open(`wss://127.0.0.1:${app.port}`, '127.0.4.8', ca);
        const response = await asked({ port: app.port, localAddress: '127.0.4.8' });
        expect(JSON.parse(String(Buffer.concat(await response.toArray()))).pid).toBe(told.pid);
        socket.send('over TLS');
        expect(String((await once(socket, 'message'))[0])).toBe('over TLS');
        socket.terminate();
      });
    },
    { ...uwsEnvironment(), ...certificate },
  );
}
