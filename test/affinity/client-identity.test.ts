import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AffinitySettings, compileAffinity } from '../../src/affinity/chain.ts';
import { ClientIdentityReader } from '../../src/affinity/client-identity.ts';
import { CookieIssuer } from '../../src/affinity/cookie.ts';
import { sidMaker } from '../../src/affinity/socket-io.ts';
import type { Affinity } from '../../src/affinity-options.ts';
import { addressBytes, cookieKey, hourNow, seal, sidKey } from './heads.ts';

afterEach(() => {
  vi.useRealTimers();
});

function chainFor(affinity: Affinity, more: Partial<AffinitySettings> = {}) {
  return compileAffinity({
    affinity,
    trust: [],
    proxyProtocol: 'required',
    cookieMaxAgeMs: 168 * 3_600_000,
    headBytes: 16_384,
    cookieKey,
    sidKey,
    node: 'n1',
    keepProxyHeader: false,
    ...more,
  }).chain;
}
const readerFor = (affinity: Affinity, more: Partial<AffinitySettings> = {}, proxied = false) =>
  new ClientIdentityReader(chainFor(affinity, more), { proxied });

/** A request on a connection of its own, or on that of another request. */
function request(
  url: string,
  headers: Record<string, string> = {},
  { remoteAddress, on }: { remoteAddress?: string; on?: IncomingMessage } = {},
): IncomingMessage {
  const lowerCase = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    method: 'GET',
    url,
    headers: Object.fromEntries(lowerCase),
    rawHeaders: Object.entries(headers).flat(),
    socket: on?.socket ?? { remoteAddress: remoteAddress ?? '127.0.0.1' },
  } as unknown as IncomingMessage;
}
const cookie = (value: string) => ({ Cookie: value });

/** The key of a request as a text; undefined if it has none. */
const keyOf = (reader: ClientIdentityReader, of: IncomingMessage) => {
  const { key } = reader.of(of);
  return key && Buffer.from(key).toString();
};

/** Counts how often the reader looks at a head. */
function countReads(of: IncomingMessage): () => number {
  let reads = 0;
  const { rawHeaders } = of;
  Object.defineProperty(of, 'rawHeaders', {
    get: () => {
      reads += 1;
      return rawHeaders;
    },
  });
  return () => reads;
}

describe('a sid', () => {
  const url = (sid: string, t = 1) => `/socket.io/?EIO=4&transport=polling&t=${t}&sid=${sid}`;

  test('has its slot and generation, and the same identity on every connection', () => {
    const reader = readerFor('socket.io');
    const sid = sidMaker(sidKey, 5, 9)();
    const first = reader.of(request(url(sid)));
    expect(first).toEqual({ slot: 5, generation: 9, key: undefined, byAddress: false, first: true });
    expect(reader.of(request(url(sid, 2)))).toEqual(first);
  });

  test('is read once in the process, whatever else changes in the URL', () => {
    const reader = readerFor('socket.io');
    const sid = sidMaker(sidKey, 5, 9)();
    reader.of(request(url(sid)));
    const other = request(url(sid, 2));
    const reads = countReads(other);
    expect([reader.of(other).slot, reads()]).toEqual([5, 0]);
  });

  test.each([
    ['a second sid', (sid: string) => `/?sid=${sid}&sid=x`],
    ['a second sid with an encoded name', (sid: string) => `/?%73id=x&sid=${sid}`],
    ['a sid without a value', (sid: string) => `/?sid=${sid}&sid`],
    ['a sid behind a fragment', (sid: string) => `/?a#&sid=${sid}`],
    ['a sid in the path', (sid: string) => `/&sid=${sid}`],
    ['no sid', () => '/'],
    ['the name sid at the start of the URL', (sid: string) => `sid=${sid}`],
  ])('%s does not change the identity of the same sid elsewhere', (_, urlOf) => {
    const reader = readerFor('socket.io');
    const sid = sidMaker(sidKey, 5, 9)();
    expect(reader.of(request(urlOf(sid))).slot).toBeUndefined();
    for (const prefix of ['?', '?a&', '?%73=1&'])
      expect(reader.of(request(`/${prefix}sid=${sid}`)).slot).toBe(5);
  });

  test.each([
    ['the time', (sid: string, n: number) => `/?t=${n}&sid=${sid}`],
    ['a parameter whose name ends with sid', (sid: string, n: number) => `/?xsid=${n}&sid=${sid}`],
    ['the path', (sid: string, n: number) => `/${n}?sid=${sid}`],
    ['the path, without a sid', (_: string, n: number) => `/${n}`],
    ['a sid in the path', (_: string, n: number) => `/sid=${n}`],
  ])('is not looked up again on its connection if %s changes', (_, urlOf) => {
    const reader = readerFor('socket.io');
    const sid = sidMaker(sidKey, 5, 9)();
    const first = request(urlOf(sid, 1));
    const identity = reader.of(first);
    expect(reader.of(request(urlOf(sid, 2), {}, { on: first }))).toBe(identity);
  });

  test.each([
    ['?sid=', '?sid='],
    ['?a&sid=', '?a&sid='],
    ['?%73id=', '?%73id='],
    ['?a&%73id=', '?a&%73id='],
    ['?xsid=1&sid=', '?xsid=1&sid='],
  ])('that changes on its connection has another identity: %s', (before, after) => {
    const reader = readerFor('socket.io');
    const [one, two] = [sidMaker(sidKey, 5, 9)(), sidMaker(sidKey, 6, 9)()];
    const first = request(`/${before}${one}`);
    expect(reader.of(first).slot).toBe(5);
    expect(reader.of(request(`/${after}${two}`, {}, { on: first })).slot).toBe(6);
  });

  test('is found behind a parameter whose name ends with sid', () => {
    const reader = readerFor('socket.io');
    const sid = sidMaker(sidKey, 5, 9)();
    expect(reader.of(request(`/?xsid=1&sid=${sid}`)).slot).toBe(5);
    expect(reader.of(request(`/?xsid=${sid}`)).slot).toBeUndefined();
  });

  test('may be missing from a request without a URL', () => {
    const of = { ...request('/'), url: undefined } as unknown as IncomingMessage;
    expect(readerFor('socket.io').of(of).slot).toBeUndefined();
    expect(readerFor(['socket.io', { query: 'room' }]).of({ ...of } as IncomingMessage).slot).toBeUndefined();
  });
});

describe('the key', () => {
  test('of each value of a cookie, query or header is another', () => {
    const byCookie = readerFor({ cookie: 'user' });
    expect(['a', 'b', 'a'].map((user) => keyOf(byCookie, request('/', cookie(`x=1; user=${user}`))))).toEqual(
      ['a', 'b', 'a'],
    );
    const byQuery = readerFor({ query: 'room' });
    expect(['1', '2', '1'].map((room) => keyOf(byQuery, request(`/?room=${room}`)))).toEqual(['1', '2', '1']);
    const byHeader = readerFor({ header: 'x-user' });
    expect(['a', 'b'].map((user) => keyOf(byHeader, request('/', { 'X-User': user })))).toEqual(['a', 'b']);
  });

  test('of a header with the value "undefined" is not that of an absent header', () => {
    const byHeader = readerFor({ header: 'x-user' });
    const without = request('/');
    expect(keyOf(byHeader, without)).toBeUndefined();
    expect(keyOf(byHeader, request('/', { 'X-User': 'undefined' }, { on: without }))).toBe('undefined');
  });

  test('of a forwarded client is its address, if the peer is trusted', () => {
    const reader = readerFor('forwarded', { trust: 'loopback' });
    const headers = { 'X-Forwarded-For': '203.0.113.7' };
    expect(reader.of(request('/', headers))).toEqual({
      slot: undefined,
      generation: undefined,
      key: addressBytes('203.0.113.7'),
      byAddress: true,
      first: true,
    });
    const untrusted = {
      slot: undefined,
      generation: undefined,
      key: undefined,
      byAddress: false,
      first: true,
    };
    expect(reader.of(request('/', headers, { remoteAddress: '203.0.113.9' }))).toEqual(untrusted);
    expect(keyOf(reader, request('/', headers, { remoteAddress: '::1%lo' }))).toBeDefined();
    const nameless = request('/', headers);
    Object.assign(nameless, { socket: {} });
    expect(reader.of(nameless)).toEqual(untrusted);
  });

  test('of a forwarded client depends on both headers', () => {
    const reader = readerFor('forwarded', { trust: 'loopback' });
    const first = request('/', { 'X-Forwarded-For': '203.0.113.7' });
    expect(reader.of(first).key).toEqual(addressBytes('203.0.113.7'));
    const next = (headers: Record<string, string>) => reader.of(request('/', headers, { on: first })).key;
    expect(next({ Forwarded: 'for=203.0.113.8' })).toEqual(addressBytes('203.0.113.8'));
    expect(next({ Forwarded: 'for=203.0.113.9' })).toEqual(addressBytes('203.0.113.9'));
    expect(next({ 'X-Forwarded-For': '203.0.113.8' })).toEqual(addressBytes('203.0.113.8'));
    expect(next({ 'X-Forwarded-For': '203.0.113.6' })).toEqual(addressBytes('203.0.113.6'));
    expect(next({ 'X-Forwarded-For': '203.0.113.7', Forwarded: 'for=203.0.113.8' })).toBeUndefined();
    expect(next({})).toBeUndefined();
  });

  test('of a text is not an address', () => {
    expect(readerFor({ header: 'x-user' }).of(request('/', { 'X-User': 'ada' }))).toEqual({
      slot: undefined,
      generation: undefined,
      key: new Uint8Array(Buffer.from('ada')),
      byAddress: false,
      first: true,
    });
  });
});

describe('several rules', () => {
  test('give the slot of the first and the key of the next', () => {
    const value = new CookieIssuer({ seal, attributes: {} }, 9).value(hourNow);
    vi.useFakeTimers({ now: hourNow * 3_600_000 });
    const reader = readerFor(['cookie', { query: 'room' }]);
    const identity = reader.of(request('/?room=blue', cookie(`limpet=${value}`)));
    expect(identity).toMatchObject({ slot: 9, generation: undefined, byAddress: false });
    expect(Buffer.from(identity.key ?? []).toString()).toBe('blue');
  });

  test('give the first of two slots', () => {
    const value = new CookieIssuer({ seal, attributes: {} }, 9).value(hourNow);
    vi.useFakeTimers({ now: hourNow * 3_600_000 });
    const sid = sidMaker(sidKey, 5, 7)();
    const both = request(`/?sid=${sid}`, cookie(`limpet=${value}`));
    expect(readerFor(['cookie', 'socket.io']).of(both)).toMatchObject({ slot: 9, generation: undefined });
    const again = request(`/?sid=${sid}`, cookie(`limpet=${value}`));
    expect(readerFor(['socket.io', 'cookie']).of(again)).toMatchObject({ slot: 5, generation: 7 });
  });

  test('each see their own part of a request', () => {
    const reader = readerFor([{ cookie: 'user' }, { query: 'room' }]);
    expect(keyOf(reader, request('/?room=1'))).toBe('1');
    expect(keyOf(reader, request('/?room=2'))).toBe('2');
    expect(keyOf(reader, request('/?room=1', cookie('user=ada')))).toBe('ada');
    const withSid = readerFor(['socket.io', { query: 'room' }]);
    expect(keyOf(withSid, request('/?room=1'))).toBe('1');
    expect(keyOf(withSid, request('/?room=2'))).toBe('2');
  });

  test('each notice a change on the connection', () => {
    const reader = readerFor([{ header: 'a' }, { header: 'b' }]);
    const connection = request('/', { b: '1' });
    const next = (headers: Record<string, string>) =>
      keyOf(reader, request('/', headers, { on: connection }));
    expect([next({ b: '1' }), next({ b: '2' }), next({ a: '3', b: '2' })]).toEqual(['1', '2', '3']);
    // The texts of both headers together are the same.
    expect([next({ a: '1', b: '23' }), next({ a: '12', b: '3' })]).toEqual(['1', '12']);
  });

  test('do not share an identity because their texts together are the same', () => {
    const reader = readerFor([{ cookie: 'user' }, { query: 'room' }]);
    expect(keyOf(reader, request('/b/c', cookie('user=a')))).toBe('a');
    expect(keyOf(reader, request('/c', cookie('user=a/b')))).toBe('a/b');
  });

  test('share no identity between connections if one of them depends on the peer', () => {
    const reader = readerFor([{ cookie: 'user' }, 'forwarded'], { trust: 'loopback' });
    const headers = { 'X-Forwarded-For': '203.0.113.7' };
    expect(reader.of(request('/', headers)).key).toEqual(addressBytes('203.0.113.7'));
    expect(reader.of(request('/', headers, { remoteAddress: '203.0.113.9' })).key).toBeUndefined();
  });

  test('stop before the first that uses the connection’s address', () => {
    const rules: Affinity = [{ header: 'a' }, 'proxy-protocol', { header: 'b' }];
    const of = (proxied: boolean) => readerFor(rules, { trust: 'loopback' }, proxied);
    expect(keyOf(of(false), request('/', { b: '2' }))).toBe('2');
    expect(keyOf(of(true), request('/', { b: '2' }))).toBeUndefined();
    expect(keyOf(of(true), request('/', { a: '1', b: '2' }))).toBe('1');
    expect(keyOf(readerFor([{ header: 'a' }, 'address']), request('/', { b: '2' }))).toBeUndefined();
  });
});

describe('the identity of a connection', () => {
  test('is read again only if the input has changed', () => {
    const reader = readerFor({ header: 'x-user' });
    const first = request('/', { 'X-User': 'ada' });
    const identity = reader.of(first);
    const second = request('/other', { 'X-User': 'ada', Accept: '*/*' }, { on: first });
    const reads = countReads(second);
    expect([reader.of(second), reads()]).toEqual([identity, 0]);
    expect(reader.of(second)).toBe(identity);
  });

  test('says whether it is that of the first request', () => {
    const reader = readerFor({ header: 'x-user' });
    const connection = request('/', { 'X-User': 'ada' });
    const of = (user: string) => reader.of(request('/', { 'X-User': user }, { on: connection })).first;
    expect([of('ada'), of('bob'), of('bob'), of('ada'), of('eve')]).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  test('that depends on the peer is not shared between connections', () => {
    const reader = readerFor({ header: 'x-user' });
    reader.of(request('/', { 'X-User': 'ada' }));
    const other = request('/', { 'X-User': 'ada' });
    const reads = countReads(other);
    expect([keyOf(reader, other), reads()]).toEqual(['ada', 1]);
  });

  test.each([
    [{ cookie: 'user' }, '/', 'user=ada'],
    [{ query: 'room' }, '/?room=1', ''],
  ] as [Affinity, string, string][])('by %j is shared between connections', (affinity, url, line) => {
    const reader = readerFor(affinity);
    const expected = keyOf(reader, request(url, cookie(line)));
    expect(expected).toBeDefined();
    const other = request(url, cookie(line));
    const reads = countReads(other);
    expect([keyOf(reader, other), reads()]).toEqual([expected, 0]);
  });

  test('by limpet’s cookie is shared between connections', () => {
    vi.useFakeTimers({ now: hourNow * 3_600_000 });
    const line = cookie(`limpet=${new CookieIssuer({ seal, attributes: {} }, 9).value(hourNow)}`);
    const reader = readerFor('cookie');
    expect(reader.of(request('/', line)).slot).toBe(9);
    const other = request('/', line);
    const reads = countReads(other);
    expect([reader.of(other).slot, reads()]).toEqual([9, 0]);
  });

  test('by limpet’s cookie is read again in the next hour, and expires', () => {
    const value = new CookieIssuer({ seal, attributes: {} }, 9).value(hourNow);
    const reader = readerFor('cookie');
    const connection = request('/', cookie(`limpet=${value}`));
    for (const [hours, slot] of [
      [0, 9],
      [168, 9],
      [169, undefined],
    ] as const) {
      vi.useFakeTimers({ now: (hourNow + hours) * 3_600_000 });
      expect(reader.of(connection).slot).toBe(slot);
      expect(reader.of(request('/', cookie(`limpet=${value}`))).slot).toBe(slot);
    }
  });

  test('without limpet’s cookie does not depend on the time', () => {
    const reader = readerFor({ cookie: 'user' });
    vi.useFakeTimers({ now: 0 });
    const of = request('/', cookie('user=ada'));
    const identity = reader.of(of);
    vi.setSystemTime(3_600_000);
    expect(reader.of(of)).toBe(identity);
  });
});

test('a head of any length is read, because Node has applied its own limit', () => {
  const reader = readerFor({ header: 'x-user' }, { headBytes: 1024 });
  expect(keyOf(reader, request('/', { padding: 'p'.repeat(5000), 'X-User': 'ada' }))).toBe('ada');
});

test('the bytes of a header are those that the client sent', () => {
  const reader = readerFor({ header: 'x-user' });
  expect(reader.of(request('/', { 'X-User': 'é' })).key).toEqual(Uint8Array.of(0xe9));
});
