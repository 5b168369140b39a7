import { describe, expect, test } from 'vitest';
import { bindings, chainOf, decide, inWords, request } from './heads.ts';

const peer = 'address 203.0.113.9';

describe.each(bindings)('%s reader', (_, head) => {
  const ask = (rules: Parameters<typeof chainOf>[0], ...portions: (string | Uint8Array)[]): string =>
    inWords(decide(head, chainOf(rules), portions));

  test('address needs no byte', () => {
    expect(ask([], '')).toBe(peer);
  });

  test('header: the name in any letter case, the value trimmed; no key if it is absent, empty or repeated', () => {
    const rule = { kind: 'header', name: 'x-user' } as const;
    expect(ask([rule], request('/', 'X-USER:  \t ada \t'))).toBe('text ada');
    expect(ask([rule], request('/', 'x-user:'))).toBe(peer);
    expect(ask([rule], request('/', 'x-user: a', 'x-user: a'))).toBe(peer);
    expect(ask([rule], request('/', 'x-users: a', 'xx-user: b'))).toBe(peer);
    expect(ask([rule], request('/'), request('/', 'x-user: second'))).toBe(peer);
    expect(ask([rule], `POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nx-user: body\r\n\r\n`)).toBe(peer);
  });

  test('query: the decoded value in the target, before the fragment; no key if it is repeated', () => {
    const rule = { kind: 'query', name: 'room' } as const;
    expect(ask([rule], request('/a?x=1&room=blue'))).toBe('text blue');
    expect(ask([rule], request('http://a/b?room=blue'))).toBe('text blue');
    expect(ask([rule], request('/a?room=a%20b+c%2'))).toBe('text a b c%2');
    expect(ask([rule], request('/a?r%6fom=%62lue'))).toBe('text blue');
    expect(ask([rule], request('/a?room=1&room=2'))).toBe(peer);
    expect(ask([rule], request('/a?room'))).toBe(peer);
    expect(ask([rule], request('/a?room='))).toBe(peer);
    expect(ask([rule], request('/a#?room=1'))).toBe(peer);
    expect(ask([rule], request('/a?b=1#&room=1'))).toBe(peer);
    expect(ask([rule], request('/room=1?xroom=1&ROOM=2'))).toBe(peer);
    expect(ask([rule], request(`/a?room=${'%41'.repeat(400)}`))).toBe(peer);
    expect(ask([rule], request(`/a?room=${'A'.repeat(4000)}`))).toBe(`text ${'A'.repeat(4000)}`);
  });

  test('cookie of the app: the first one with exactly this name, over several lines', () => {
    const rule = { kind: 'cookie', name: 'sid' } as const;
    expect(ask([rule], request('/', 'Cookie: a=1; sid=x=y ; sid=z'))).toBe('text x=y');
    expect(ask([rule], request('/', 'cookie: a=1', 'COOKIE:sid=late'))).toBe('text late');
    expect(ask([rule], request('/', 'Cookie: xsid=1; sid =2; SID=3; sid'))).toBe(peer);
    expect(ask([rule], request('/', 'Cookie: sid='))).toBe(peer);
    expect(ask([rule], request('/?sid=1', 'Set-Cookie: sid=1', 'X-Cookie: sid=1'))).toBe(peer);
  });

  test('the first rule that yields a key decides, and the decision names it', () => {
    const rules = [
      { kind: 'header', name: 'a' },
      { kind: 'query', name: 'b' },
    ] as const;
    const decision = decide(head, chainOf([...rules]), [request('/?b=2', 'c: 3')]);
    expect(decision).toMatchObject({ outcome: 'text', rule: 1, consume: 0 });
    expect(decide(head, chainOf([...rules]), [request('/', 'c: 3')])).toMatchObject({ rule: 2 });
  });

  const header = { kind: 'header', name: 'x-user' } as const;

  test.each([
    ['a TLS ClientHello', '\x16\x03\x01\x02\x00\x01'],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n'],
    ['HTTP/0.9', 'GET /\r\n'],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['an empty line first', '\r\nGET / HTTP/1.1\r\nx-user: a\r\n\r\n'],
    ['obs-fold', 'GET / HTTP/1.1\r\na: b\r\n x-user: a\r\nx-user: a\r\n\r\n'],
    ['obs-fold on the first line', 'GET / HTTP/1.1\r\n x-user: a\r\n\r\n'],
    ['a bare LF', 'GET / HTTP/1.1\nx-user: a\r\n\r\n'],
    ['a bare LF after a header', 'GET / HTTP/1.1\r\na: b\nx-user: a\r\n\r\n'],
    ['a bare CR in a value', 'GET / HTTP/1.1\r\na: b\rx-user: a\r\nx-user: a\r\n\r\n'],
    ['NUL in a value', 'GET / HTTP/1.1\r\na: \0\r\nx-user: a\r\n\r\n'],
    ['NUL in the target', 'GET /\0 HTTP/1.1\r\nx-user: a\r\n\r\n'],
    ['white space before the colon', 'GET / HTTP/1.1\r\nx-user : a\r\n\r\n'],
    ['a line without a colon', 'GET / HTTP/1.1\r\nfoo\r\nx-user: a\r\n\r\n'],
    ['an empty name', 'GET / HTTP/1.1\r\n: b\r\nx-user: a\r\n\r\n'],
    ['two spaces after the method', 'GET  / HTTP/1.1\r\nx-user: a\r\n\r\n'],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nx-user: a\r\n\r\n'],
    ['101 header lines', request('/', ...Array.from({ length: 100 }, (_, i) => `h${i}: v`), 'x-user: a')],
  ])('%s is not read as a head: the next rule decides at once', (_name, bytes) => {
    expect(ask([header], bytes)).toBe(peer);
  });

  test('a head that every parser reads alike yields a key: 100 lines, two Hosts, both lengths, raw UTF-8, HTTP/1.0', () => {
    expect(
      ask([header], request('/', ...Array.from({ length: 98 }, (_, i) => `h${i}: v`), 'x-user: a')),
    ).toBe('text a');
    expect(ask([header], request('/', 'Host: b', 'x-user: a'))).toBe('text a');
    expect(ask([header], request('/', 'Content-Length: 1', 'Transfer-Encoding: chunked', 'x-user: a'))).toBe(
      'text a',
    );
    expect(ask([header], request('/é', 'x-user: é'))).toBe('text é');
    expect(ask([header], 'GET / HTTP/1.0\r\nx-user: a\r\n\r\n')).toBe('text a');
  });

  test('a head longer than the limit is refused, a head as long as the limit is read', () => {
    const chain = chainOf([header], undefined, 1024);
    const empty = request('/', 'x-user: a', 'p: ');
    const full = request('/', 'x-user: a', `p: ${'p'.repeat(1024 - empty.length)}`);
    expect(full).toHaveLength(1024);
    expect(inWords(decide(head, chain, [`${full}body`]))).toBe('text a');
    expect(inWords(decide(head, chain, [full.slice(0, 1023)]))).toBe('need-more');
    expect(inWords(decide(head, chain, [full.replace('p: ', 'p: p')]))).toBe('head-too-large');
    expect(inWords(decide(head, chain, [full.replace('p: ', 'p: p').slice(0, 1024)]))).toBe('head-too-large');
  });

  test('a stream that ends before its head is complete yields no key', () => {
    const chain = chainOf([header]);
    expect(inWords(decide(head, chain, ['GET / HTTP/1.1\r\nx-user: a\r\n']))).toBe('need-more');
    expect(inWords(decide(head, chain, ['GET / HTTP/1.1\r\nx-user: a\r\n'], { ended: true }))).toBe(peer);
    expect(inWords(decide(head, chain, [''], { ended: true }))).toBe(peer);
  });

  test('a head of 16 KiB can arrive in single bytes', () => {
    const stream = Buffer.from(request('/', `p: ${'p'.repeat(16_000)}`, 'x-user: a'));
    const reading = head.begin(head.compile(chainOf([header])), { address: new Uint8Array(16), port: 1 });
    for (let length = 0; length < stream.length; length++) {
      expect(reading.decide(stream.subarray(0, length), false, 0).outcome).toBe('need-more');
    }
    expect(inWords(reading.decide(stream, false, 0))).toBe('text a');
  });

  test('after a decision, a further call applies the next rule', () => {
    const reading = head.begin(head.compile(chainOf([header, { kind: 'query', name: 'q' }])), {
      address: new Uint8Array(16),
      port: 1,
    });
    const stream = Buffer.from(request('/?q=2', 'x-user: 1'));
    expect(['', '', ''].map(() => inWords(reading.decide(stream, false, 0)))).toEqual([
      'text 1',
      'text 2',
      'address ::',
    ]);
  });

  test('a refusal is answered with a whole HTTP response, or not at all', () => {
    for (const [refusal, status] of [
      ['head-too-large', 431],
      ['head-timeout', 408],
      ['too-many-pending', 503],
      ['too-many-pending-from-address', 503],
    ] as const) {
      expect(head.refusalAnswer(refusal)).toMatch(
        new RegExp(
          `^HTTP/1\\.1 ${status} [A-Za-z ]+\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n$`,
        ),
      );
    }
    expect(head.refusalAnswer('silent')).toBe('');
    expect(head.refusalAnswer('proxy-header-missing')).toBe('');
  });
});
