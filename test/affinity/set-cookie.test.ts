import {
  createServer,
  get,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { CookieIssuer } from '../../src/affinity/cookie.ts';
import { setCookieOn } from '../../src/affinity/set-cookie.ts';
import { seal } from './heads.ts';

const issuer = new CookieIssuer({ seal, attributes: {} }, 1);

/** The names and values of the cookies that one response sets, without attributes. Of limpet's cookie only the name. */
async function cookiesOf(answer: (response: ServerResponse) => void): Promise<string[]> {
  const server = createServer((request, response) => {
    setCookieOn(request, response, issuer);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (answered) => {
      answered.resume().on('end', () => resolve(answered.headers));
    }).on('error', reject);
  });
  server.close();
  return (headers['set-cookie'] ?? []).map((text) => text.replace(/^(limpet)=.*/, '$1'));
}

test('the cookie is added to the app’s cookies, however the app sets those', async () => {
  const ways: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(200, { 'Set-Cookie': 'a=1' }).end(),
    (response) => response.writeHead(200, 'OK', { 'set-cookie': ['a=1'] }).end(),
    (response) => response.writeHead(200, ['Set-Cookie', 'a=1']).end(),
    (response) => response.writeHead(200, [['Set-Cookie', 'a=1']] as unknown as OutgoingHttpHeaders).end(),
    (response) => response.setHeader('Set-Cookie', 'a=1').writeHead(200, { 'X-Tide': 'low' }).end(),
    (response) => response.setHeader('Set-Cookie', 'a=1').end(),
  ];
  for (const way of ways) expect(await cookiesOf(way), String(way)).toEqual(['a=1', 'limpet']);
  expect(await cookiesOf((response) => response.end())).toEqual(['limpet']);
});

test('a headers object that the app uses for every response stays unchanged', async () => {
  const headers = Object.freeze({ 'Set-Cookie': Object.freeze(['a=1']) as string[], 'X-Tide': 'low' });
  const list = ['Set-Cookie', 'a=1'];
  for (let i = 0; i < 2; i++) {
    expect(await cookiesOf((response) => response.writeHead(200, headers).end())).toEqual(['a=1', 'limpet']);
    expect(await cookiesOf((response) => response.writeHead(200, list).end())).toEqual(['a=1', 'limpet']);
  }
  expect(list).toEqual(['Set-Cookie', 'a=1']);
});
