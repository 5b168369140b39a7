import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { expect, test } from 'vitest';
import { ask } from '../processes/clients.ts';
import { RawClient } from './raw.ts';
import { describeServed, expectSticky } from './served.ts';

const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

describeServed('http', 'web.js', (app) => {
  test('a client is always served by one worker', async () => {
    await expectSticky(async (from) => JSON.parse((await ask(app.port, from)).body));
  });

  test('an upload of 64 MiB arrives whole', async () => {
    const part = randomBytes(1 << 20);
    const hash = createHash('sha256');
    const upload = request({ port: app.port, path: '/digest', method: 'POST' });
    for (let n = 0; n < 64; n++) {
      hash.update(part);
      if (!upload.write(part)) await new Promise((resolve) => upload.once('drain', resolve));
    }
    upload.end();
    const digest = await new Promise((resolve, reject) => {
      upload.on('error', reject);
      upload.on('response', async (response) => resolve(String(Buffer.concat(await response.toArray()))));
    });
    expect(digest).toBe(hash.digest('hex'));
  });

  test('server-sent events arrive one by one', async () => {
    const client = new RawClient(app.port);
    client.write(get('/events', 'Connection: close\r\n'));
    for (const [index, event] of ['first', 'second', 'third'].entries()) {
      const received = await client.until(`data: ${event}\n\n`);
      expect(received.split('data: ').length - 1).toBe(index + 1);
      await ask(app.port, '127.0.0.1', { path: '/next' });
    }
    await client.untilEnd();
  });

  test('pipelined requests are answered in their order', async () => {
    const paths = Array.from({ length: 10 }, (_, n) => `/${n}`);
    const client = new RawClient(app.port);
    client.write(paths.map((path) => get(path, path === '/9' ? 'Connection: close\r\n' : '')).join(''));
    const answers = await client.untilEnd();
    expect([...answers.matchAll(/"url":"([^"]+)"/g)].map(([, url]) => url)).toEqual(paths);
  });

  test('a connection of HTTP/1.0 is closed after the response, or kept alive if the client asks for it', async () => {
    const client = new RawClient(app.port);
    client.write('GET /once HTTP/1.0\r\n\r\n');
    expect(await client.untilEnd()).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*"\/once"/,
    );

    const keeping = new RawClient(app.port);
    keeping.write('GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(await keeping.until('"/1"')).toContain('Connection: keep-alive');
    keeping.write('GET /2 HTTP/1.0\r\n\r\n');
    expect(await keeping.untilEnd()).toContain('"/2"');
  });

  test('a half-closed client still gets its response', async () => {
    const client = new RawClient(app.port);
    client.write(get('/last'));
    client.halfClose();
    expect(await client.untilEnd()).toContain('"/last"');
  });

  test('a client may send its first byte late, and its head in pieces', async () => {
    const client = new RawClient(app.port);
    for (const piece of ['GET /sl', 'ow HTTP/1.1\r\nHo', 'st: x\r\nConnection: close\r\n', '\r\n']) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      client.write(piece);
    }
    expect(await client.untilEnd()).toContain('"/slow"');
  });
});
