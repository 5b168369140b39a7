import {
  createServer,
  get,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { CookieIssuer } from '../../src/affinity/cookie.ts';
import { setCookieOn, setCookieOnUws } from '../../src/affinity/set-cookie.ts';
import { seal } from './heads.ts';

const issuer = new CookieIssuer({ seal, attributes: {} }, 1);

/** The names and values of the cookies that one response sets, without attributes. limpet's cookie has only its name here. */
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

describe('with fakes', () => {
  const value = 'limpet=1';
  let cookies: { setCookie: ReturnType<typeof vi.fn> };
  beforeEach(() => {
    cookies = { setCookie: vi.fn(() => value) };
  });

  /** A response that records the headers that are sent. */
  class FakeResponse {
    headersSent = false;
    readonly appended: [string, string][] = [];
    sent: unknown[] | undefined;
    appendHeader(name: string, text: string): void {
      this.appended.push([name, text]);
    }
    writeHead(...args: unknown[]): this {
      this.sent = args;
      return this;
    }
  }

  function prepare(response: FakeResponse, socket: object = {}, cookie?: string): void {
    const request = { socket, headers: { cookie } } as unknown as IncomingMessage;
    setCookieOn(request, response as unknown as ServerResponse, cookies as unknown as CookieIssuer);
  }

  test('the issuer gets the client’s cookie, and whether the request came over TLS', () => {
    prepare(new FakeResponse(), { encrypted: true }, 'a=1');
    prepare(new FakeResponse(), { encrypted: false });
    prepare(new FakeResponse());
    expect(cookies.setCookie.mock.calls).toEqual([
      ['a=1', true],
      [undefined, false],
      [undefined, false],
    ]);
  });

  test('a second call for a response is a no-op', () => {
    const response = new FakeResponse();
    prepare(response);
    prepare(response);
    expect(cookies.setCookie).toHaveBeenCalledOnce();
    response.writeHead(200);
    expect(response.appended).toEqual([['Set-Cookie', value]]);
  });

  test('a response whose headers were sent is left alone', () => {
    const response = new FakeResponse();
    response.headersSent = true;
    prepare(response);
    expect(cookies.setCookie).not.toHaveBeenCalled();
  });

  test('a response whose client has a cookie already is left alone', () => {
    cookies.setCookie.mockReturnValue(undefined);
    const response = new FakeResponse();
    const { writeHead } = response;
    prepare(response);
    expect(response.writeHead).toBe(writeHead);
  });

  test('the app’s arguments of writeHead are passed on, and its result is returned', () => {
    const response = new FakeResponse();
    prepare(response);
    expect(response.writeHead(404, 'Gone', { a: '1' })).toBe(response);
    expect([response.sent, response.appended]).toEqual([[404, 'Gone', { a: '1' }], [['Set-Cookie', value]]]);
    // A second writeHead, which Node refuses, does not add a second cookie.
    response.writeHead(500);
    expect(response.appended).toHaveLength(1);
  });

  test.each([
    [
      { 'set-cookie': 'a=1', b: '2' },
      { 'set-cookie': ['a=1', value], b: '2' },
    ],
    [{ 'Set-Cookie': ['a=1', 'b=2'] }, { 'Set-Cookie': ['a=1', 'b=2', value] }],
    [{ 'SET-COOKIE': 7 }, { 'SET-COOKIE': ['7', value] }],
    [{ 'Set-Cookie': undefined }, { 'Set-Cookie': [value] }],
    [
      ['b', '2', 'Set-Cookie', 'a=1'],
      ['b', '2', 'Set-Cookie', 'a=1', 'Set-Cookie', value],
    ],
    [
      [
        ['b', '2'],
        ['set-cookie', 'a=1'],
      ],
      [
        ['b', '2'],
        ['set-cookie', 'a=1'],
        ['Set-Cookie', value],
      ],
    ],
  ])('headers with a Set-Cookie get the other one: %j', (headers, sent) => {
    const response = new FakeResponse();
    prepare(response);
    response.writeHead(200, headers);
    expect([response.sent, response.appended]).toEqual([[200, sent], []]);
  });

  test.each([[{ b: '2' }], [['b', '2']], [[['b', '2']]], [[]], [null], ['OK'], [undefined], [7]])(
    'headers without a Set-Cookie stay as they are: %j',
    (headers) => {
      const response = new FakeResponse();
      prepare(response);
      response.writeHead(200, headers);
      expect([response.sent, response.appended]).toEqual([[200, headers], [['Set-Cookie', value]]]);
    },
  );

  describe('for uWebSockets.js', () => {
    test('the cookie is written unless the client has one already', () => {
      const request = { getHeader: vi.fn(() => 'a=1') };
      const response = { writeHeader: vi.fn() };
      setCookieOnUws(request, response, true, cookies as unknown as CookieIssuer);
      expect(request.getHeader).toHaveBeenCalledExactlyOnceWith('cookie');
      expect(cookies.setCookie).toHaveBeenCalledExactlyOnceWith('a=1', true);
      expect(response.writeHeader).toHaveBeenCalledExactlyOnceWith('Set-Cookie', value);
      cookies.setCookie.mockReturnValue(undefined);
      setCookieOnUws(request, response, false, cookies as unknown as CookieIssuer);
      expect(response.writeHeader).toHaveBeenCalledOnce();
    });
  });
});
