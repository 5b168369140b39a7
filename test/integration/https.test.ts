import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { makeCertificate } from './certificate.ts';
import { describeServed, expectSticky, type Told } from './served.ts';

interface TlsAnswer extends Told {
  /** Whether the server accepted the session ticket that it had issued before. */
  readonly resumed: boolean;
  readonly session: Buffer | undefined;
}

function ask(port: number, ca: string, from: string, session?: Buffer): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    let ticket: Buffer | undefined;
    const options = { port, host: '127.0.0.1', localAddress: from, ca, session, agent: false };
    const asked = request(options as object, async (response) => {
      const told = JSON.parse(String(Buffer.concat(await response.toArray())));
      const resumed = (response.socket as TLSSocket).isSessionReused();
      resolve({ ...told, resumed, session: ticket });
    });
    asked.on('socket', (socket) => socket.on('session', (given: Buffer) => (ticket = given)));
    asked.on('error', reject);
    asked.end();
  });
}

if (needs('openssl')) {
  const certificate = makeCertificate();
  const ca = certificate.TLS_CERTIFICATE;
  describeServed(
    'https',
    'web.js',
    (app) => {
      test('a client is always served by one worker', async () => {
        await expectSticky((from) => ask(app.port, ca, from));
      });

      test('a client that comes back resumes its TLS session, which only its worker has in memory', async () => {
        const first = await ask(app.port, ca, '127.0.2.1');
        const second = await ask(app.port, ca, '127.0.2.1', first.session);
        expect([first.resumed, second.resumed]).toEqual([false, true]);
      });
    },
    certificate,
  );
}
