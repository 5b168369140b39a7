import { type ClientHttp2Session, connect } from 'node:http2';
import { request } from 'node:https';
import { expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { makeCertificate } from './certificate.ts';
import { describeServed, expectSticky, type Served } from './served.ts';

interface Answer {
  readonly slot: number;
  readonly pid: number;
  readonly url: string;
  readonly version: string;
}

async function get(session: ClientHttp2Session, path: string): Promise<Answer> {
  return JSON.parse(String(Buffer.concat(await session.request({ ':path': path }).toArray())));
}

/** Opens a session, requests all `paths` on it at the same time, and closes it. */
async function ask(authority: string, from: string, paths: string[], ca?: string): Promise<Answer[]> {
  // http2 passes the options on to net.connect(), although its types do not say so.
  const session = connect(authority, { localAddress: from, ca } as object);
  try {
    return await Promise.all(paths.map((path) => get(session, path)));
  } finally {
    session.close();
  }
}

function http2Tests(app: Served, scheme: 'http' | 'https', ca?: string): void {
  const authority = () => `${scheme}://127.0.0.1:${app.port}`;

  test('a client is always served by one worker', async () => {
    await expectSticky(async (from) => (await ask(authority(), from, ['/'], ca))[0] as Answer);
  });

  test('many streams share a connection', async () => {
    const paths = Array.from({ length: 50 }, (_, n) => `/${n}`);
    const answers = await ask(authority(), '127.0.0.1', paths, ca);
    expect(answers.map(({ url }) => url)).toEqual(paths);
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(['2.0']));
  });
}

describeServed('h2c', 'http2.js', (app) => http2Tests(app, 'http'));

if (needs('openssl')) {
  const certificate = makeCertificate();
  const ca = certificate.TLS_CERTIFICATE;
  describeServed(
    'http2 over TLS',
    'http2.js',
    (app) => {
      http2Tests(app, 'https', ca);

      test('the same server serves a client of HTTP/1.1', async () => {
        const answer = await new Promise<Answer>((resolve, reject) => {
          const asked = request({ port: app.port, host: '127.0.0.1', ca, agent: false });
          asked.on('error', reject);
          asked.on('response', async (response) =>
            resolve(JSON.parse(String(Buffer.concat(await response.toArray())))),
          );
          asked.end();
        });
        expect(answer.version).toBe('1.1');
      });
    },
    certificate,
  );
}
