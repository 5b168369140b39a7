import { describe, expect, it } from 'vitest';
import {
  endToEndHeaders,
  hasBody,
  headerPairs,
  requestHeaders,
} from '../../../src/adapter/forward/forwarded-headers.ts';

/** A request's head as Node parses it. */
function head(method: string, ...rawHeaders: string[]) {
  const headers = Object.fromEntries(
    headerPairs(rawHeaders).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return { method, rawHeaders, headers };
}

describe('endToEndHeaders()', () => {
  it('keeps names, values and their order as they were received', () => {
    const rawHeaders = ['HOST', 'a', 'Set-Cookie', '1', 'x-odd', '', 'set-cookie', '2'];
    expect(endToEndHeaders({ rawHeaders })).toEqual(rawHeaders);
  });

  it.each(['Connection', 'keep-alive', 'PROXY-CONNECTION', 'Transfer-Encoding', 'Upgrade', 'TE'])(
    'drops %s, which concerns one connection',
    (name) => {
      expect(endToEndHeaders({ rawHeaders: ['A', '1', name, 'x', 'B', '2'] })).toEqual(['A', '1', 'B', '2']);
    },
  );

  it('keeps the headers that Connection names', () => {
    const rawHeaders = [
      'Connection',
      'content-length, x-real-ip',
      'Content-Length',
      '5',
      'X-Real-IP',
      '192.0.2.1',
    ];
    expect(endToEndHeaders({ rawHeaders })).toEqual(rawHeaders.slice(2));
  });

  it('drops a further header that is named, however it is spelled', () => {
    const rawHeaders = ['Trailer', 'X-Sum', 'TRAILER', 'X-Other', 'Trailers', 'kept'];
    expect(endToEndHeaders({ rawHeaders }, 'trailer')).toEqual(['Trailers', 'kept']);
  });
});

describe('hasBody()', () => {
  it.each([
    [{}, false],
    [{ 'content-length': '0' }, false],
    [{ 'content-length': '1' }, true],
    [{ 'content-length': 'x' }, false],
    [{ 'transfer-encoding': 'chunked' }, true],
  ])('of %j: %s', (headers, expected) => {
    expect(hasBody({ headers })).toBe(expected);
  });
});

describe('requestHeaders()', () => {
  it('adds nothing to a complete request', () => {
    expect(requestHeaders(head('GET', 'Host', 'a', 'X', '1'))).toEqual(['Host', 'a', 'X', '1']);
    expect(requestHeaders(head('POST', 'Host', 'a', 'Content-Length', '3'))).toEqual([
      'Host',
      'a',
      'Content-Length',
      '3',
    ]);
  });

  it('adds an empty Host to a request of HTTP/1.0 without one', () => {
    expect(requestHeaders(head('GET', 'X', '1'))).toEqual(['X', '1', 'Host', '']);
  });

  it('announces a chunked body as chunked', () => {
    expect(requestHeaders(head('POST', 'Host', 'a', 'Transfer-Encoding', 'gzip, chunked'))).toEqual([
      'Host',
      'a',
      'Transfer-Encoding',
      'chunked',
    ]);
  });

  it.each(['POST', 'PUT', 'PATCH', 'QUERY'])('adds a length of 0 to a %s without body', (method) => {
    expect(requestHeaders(head(method, 'Host', 'a'))).toEqual(['Host', 'a', 'Content-Length', '0']);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE'])('adds no length to a %s without body', (method) => {
    expect(requestHeaders(head(method, 'Host', 'a'))).toEqual(['Host', 'a']);
  });

  it('does not add a second length of 0', () => {
    expect(requestHeaders(head('POST', 'Host', 'a', 'content-length', '0'))).toEqual([
      'Host',
      'a',
      'content-length',
      '0',
    ]);
  });
});

describe('headerPairs()', () => {
  it('makes pairs, and keeps names that come twice', () => {
    expect(headerPairs(['A', '1', 'a', '2'])).toEqual([
      ['A', '1'],
      ['a', '2'],
    ]);
    expect(headerPairs([])).toEqual([]);
  });
});
