import type { IncomingMessage } from 'node:http';
import { beforeEach, expect, test } from 'vitest';
import { compileAffinity } from '../../src/affinity/chain.ts';
import { ClientIdentityReader } from '../../src/affinity/client-identity.ts';
import { sidMaker } from '../../src/affinity/socket-io.ts';
import type { Affinity } from '../../src/affinity-options.ts';

const sidKey = Buffer.alloc(16, 7);
let reader: ClientIdentityReader;

function readerFor(affinity: Affinity): ClientIdentityReader {
  const { chain } = compileAffinity({
    affinity,
    trust: [],
    proxyProtocol: 'required',
    cookieMaxAgeMs: 86_400_000,
    headBytes: 16_384,
    cookieKey: Buffer.alloc(16, 3),
    sidKey,
    node: 'here',
    keepProxyHeader: false,
  });
  return new ClientIdentityReader(chain, { proxied: false });
}

/** A request on a connection of its own. */
function request(url: string, cookie?: string): IncomingMessage {
  return {
    method: 'GET',
    url,
    headers: cookie === undefined ? {} : { cookie },
    rawHeaders: cookie === undefined ? [] : ['Cookie', cookie],
    socket: { remoteAddress: '127.0.0.1' },
  } as unknown as IncomingMessage;
}

beforeEach(() => {
  reader = readerFor('socket.io');
});

test('a sid has the same identity on every connection', () => {
  const sid = sidMaker(sidKey, 5, 9)();
  const first = reader.of(request(`/socket.io/?EIO=4&sid=${sid}&t=1`));
  expect(first).toMatchObject({ slot: 5, generation: 9, first: true });
  expect(reader.of(request(`/socket.io/?EIO=4&sid=${sid}&t=2`))).toEqual(first);
});

test.each([
  ['a second sid', (sid: string) => `/?sid=${sid}&sid=x`],
  ['a second sid with an encoded name', (sid: string) => `/?%73id=x&sid=${sid}`],
  ['a sid without a value', (sid: string) => `/?sid=${sid}&sid`],
  ['a sid behind a fragment', (sid: string) => `/?a#&sid=${sid}`],
  ['a sid in the path', (sid: string) => `/&sid=${sid}`],
])('%s does not change the identity of the same sid elsewhere', (_, url) => {
  const sid = sidMaker(sidKey, 5, 9)();
  expect(reader.of(request(url(sid))).slot).toBeUndefined();
  for (const prefix of ['?', '?a&', '?%73=1&'])
    expect(reader.of(request(`/${prefix}sid=${sid}`)).slot).toBe(5);
});

test('each value of a cookie, query or header of the app has its own key', () => {
  const key = (by: ClientIdentityReader, one: IncomingMessage) =>
    Buffer.from(by.of(one).key ?? []).toString();
  const byCookie = readerFor({ cookie: 'user' });
  expect(['a', 'b', 'a'].map((user) => key(byCookie, request('/', `x=1; user=${user}`)))).toEqual([
    'a',
    'b',
    'a',
  ]);
  const byQuery = readerFor({ query: 'room' });
  expect(['1', '2', '1'].map((room) => key(byQuery, request(`/?room=${room}`)))).toEqual(['1', '2', '1']);
  expect(readerFor({ header: 'x-user' }).of(request('/')).key).toBeUndefined();
});

test('a header with the value "undefined" is not an absent header', () => {
  const byHeader = readerFor({ header: 'x-user' });
  const without = request('/');
  expect(byHeader.of(without).key).toBeUndefined();
  const withHeader = { ...without, headers: { 'x-user': 'undefined' }, rawHeaders: ['X-User', 'undefined'] };
  const { key } = byHeader.of(withHeader as unknown as IncomingMessage);
  expect(Buffer.from(key ?? []).toString()).toBe('undefined');
});
