import { afterEach, expect, test } from 'vitest';
import type { RouterOptions } from '../../src/options.ts';
import { type App, startApp } from '../processes/app.js';
import { addresses, inParallel } from '../processes/clients.js';
import { exchange, RawConnection } from '../processes/raw.js';
import { uwsEnvironment } from '../uws/index.ts';
import { proxyV2, request } from './heads.ts';

interface Served {
  slot: number;
  from: string;
}

let app: App | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

/** A uWebSockets.js app over fd. With ipc, the bytes that the primary has read could not be given to uWebSockets.js. */
async function start(options: RouterOptions): Promise<number> {
  const json = JSON.stringify({ workers: 3, handoff: 'fd', ...options });
  app = startApp('apps/servers/uws.js', { env: { ...uwsEnvironment(), LIMPET_TEST_OPTIONS: json } });
  const { port } = await app.hears('listening');
  return port as number;
}

test('proxy-protocol: a version 2 header of a trusted peer places the client, version 1 and other peers’ headers are refused', async () => {
  const port = await start({ affinity: 'proxy-protocol', trust: '127.0.0.1' });
  const clients = addresses(30).map((address) => address.replace('127.', '203.'));
  const come = (client: string, from: string) =>
    exchange<Served>(
      port,
      Buffer.concat([
        proxyV2(client, client.includes(':') ? '2001:db8::1' : '10.0.0.1'),
        Buffer.from(request('/')),
      ]),
      from,
    );
  const first = await inParallel(clients, 8, (client) => come(client, '127.0.0.1'));
  expect(first.map(({ from }) => from)).toEqual(clients);
  expect(new Set(first.map(({ slot }) => slot)).size).toBe(3);
  expect(await inParallel(clients, 8, (client) => come(client, '127.0.0.1'))).toEqual(first);
  expect((await come('2001:db8::7', '127.0.0.1')).from).toBe('2001:db8::7');

  const closed = async (bytes: string | Uint8Array, from: string) => {
    const connection = new RawConnection(port, from);
    await connection.write(bytes);
    return connection.closed;
  };
  expect(await closed('PROXY TCP4 203.0.113.7 10.0.0.1 40000 80\r\n', '127.0.0.1')).toBe('');
  const header = Buffer.concat([proxyV2('203.0.113.7', '10.0.0.1'), Buffer.from(request('/'))]);
  expect(await closed(header, '127.0.0.9')).toBe('');
  expect(await exchange<Served>(port, request('/'), '127.0.0.9')).toMatchObject({ from: '127.0.0.9' });
});

test('cookie: the handler sets it, and the client comes back from any address', async () => {
  const port = await start({ affinity: 'cookie', spread: 'least-connections' });
  const visit = async (from: string, cookie?: string) => {
    const connection = new RawConnection(port, from);
    await connection.write(request('/', ...(cookie ? [`Cookie: ${cookie}`] : [])));
    const [, slot] = await connection.until(/"slot":(\d+).*\}/);
    connection.socket.destroy();
    return { slot: Number(slot), set: connection.received.match(/set-cookie: (limpet=[^;\r]+)/i)?.[1] };
  };
  const visits = [];
  for (let i = 0; i < 9; i++) visits.push(await visit('127.0.0.1'));
  expect(new Set(visits.map(({ slot }) => slot)).size).toBe(3);
  for (const { slot, set } of visits)
    expect(await visit('127.0.0.77', set)).toEqual({ slot, set: undefined });
});
