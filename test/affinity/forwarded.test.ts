import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import fc from 'fast-check';
import proxyaddr from 'proxy-addr';
import { describe, expect, test } from 'vitest';
import { packTrust } from '../../src/affinity/trust.ts';
import type { ForwardedHeader } from '../../src/binding/typescript/affinity-chain.ts';
import { addressBytes, addressText, bindings, chainOf, decide, inWords, request } from './heads.ts';

const trustList = ['loopback', 'uniquelocal', '198.51.100.0/24', '2001:db8:1::/48'];
const trust = packTrust(trustList);
const peer = '10.0.0.1';
const noKey = `address ${peer}`;

describe.each(bindings)('%s reader', (_, head) => {
  const ask = (lines: string[], header: ForwardedHeader = 'either', from = peer): string =>
    inWords(
      decide(head, chainOf([{ kind: 'forwarded', trust, header }]), [request('/', ...lines)], { peer: from }),
    );
  const xff = (...values: string[]): string => ask(values.map((value) => `X-Forwarded-For: ${value}`));
  const forwarded = (...values: string[]): string => ask(values.map((value) => `Forwarded: ${value}`));

  test('X-Forwarded-For gives the right-most address that is not trusted, over several lines', () => {
    expect(xff('203.0.113.1')).toBe('address 203.0.113.1');
    expect(xff('9.9.9.9, 203.0.113.1, 10.0.0.2,198.51.100.4')).toBe('address 203.0.113.1');
    expect(xff('9.9.9.9', '203.0.113.1', '10.0.0.2')).toBe('address 203.0.113.1');
    expect(xff('10.0.0.3, 10.0.0.2')).toBe('address 10.0.0.3');
    expect(xff(', ,203.0.113.1,\t,')).toBe('address 203.0.113.1');
    expect(xff('')).toBe(noKey);
    expect(ask([])).toBe(noKey);
  });

  test('ports, brackets and IPv4-mapped addresses are understood', () => {
    expect(xff('203.0.113.1:1234')).toBe('address 203.0.113.1');
    expect(xff('[2001:db8::5]:443')).toBe('address 2001:db8::5');
    expect(xff('[2001:db8::5]')).toBe('address 2001:db8::5');
    expect(xff('2001:DB8::5')).toBe('address 2001:db8::5');
    expect(xff('::ffff:203.0.113.1')).toBe('address 203.0.113.1');
    expect(xff('9.9.9.9, ::ffff:10.0.0.2')).toBe('address 9.9.9.9');
  });

  test.each([
    'unknown',
    '_hidden',
    'example.org',
    '203.0.113.1:',
    '203.0.113.1:x',
    '203.0.113.1:65536',
    '[203.0.113.1]',
    '[::1',
    '[::1]x',
    '[::1]:',
    '203.0.113.01',
    '1.2.3',
    '0x7f.1',
    '1.2.3.4.5',
    '1::2::3',
    '12345::',
    'fe80::1%eth0',
    '"203.0.113.1"',
  ])('%s is not believed, nor is any entry to its left', (hop) => {
    expect(xff(`203.0.113.1, ${hop}`)).toBe(noKey);
    expect(xff(`203.0.113.1, ${hop}, 10.0.0.2`)).toBe(noKey);
    expect(xff(`${hop}, 203.0.113.1`)).toBe('address 203.0.113.1');
  });

  test('Forwarded gives the right-most address that is not trusted', () => {
    expect(forwarded('for=203.0.113.1')).toBe('address 203.0.113.1');
    expect(forwarded('For="[2001:db8::5]:4711";proto=https;by=10.0.0.1')).toBe('address 2001:db8::5');
    expect(forwarded('for=9.9.9.9, for=203.0.113.1;host="a,b;for=8.8.8.8" , proto=http;for=10.0.0.2')).toBe(
      'address 203.0.113.1',
    );
    expect(forwarded('for=9.9.9.9', 'for="203.0.113.1:99"')).toBe('address 203.0.113.1');
    expect(forwarded('for=203.0.113.1;ext="quoted \\" ; for=1.1.1.1"')).toBe('address 203.0.113.1');
    expect(forwarded('for=unknown')).toBe(noKey);
    expect(forwarded('for=203.0.113.1, for=_gazonk')).toBe(noKey);
    expect(forwarded('for=203.0.113.1, by=10.0.0.9')).toBe(noKey);
    expect(forwarded('for=203.0.113.1;for=203.0.113.2')).toBe(noKey);
    expect(forwarded('xfor=203.0.113.1')).toBe(noKey);
  });

  test('what a client wrote cannot hide or change what the proxy appended', () => {
    for (const spoof of [
      'for="',
      'for=1.2.3.4;a="',
      '"',
      'for="\\',
      'for=1.1.1.1;host="x\\"',
      ';;;',
      ',,,',
      'for',
    ]) {
      expect(forwarded(`${spoof}, for=203.0.113.1`), spoof).toBe('address 203.0.113.1');
      expect(forwarded(`${spoof}, for="[2001:db8::5]:1";by="x"`), spoof).toBe('address 2001:db8::5');
      expect(forwarded(spoof, 'for=203.0.113.1'), spoof).toBe('address 203.0.113.1');
      expect(xff(`${spoof}, 203.0.113.1`), spoof).toBe('address 203.0.113.1');
    }
  });

  test('if both headers are there, they must agree, unless the rule names one', () => {
    const both = ['Forwarded: for=203.0.113.1', 'X-Forwarded-For: 203.0.113.2'];
    expect(ask(both)).toBe(noKey);
    expect(ask(both, 'forwarded')).toBe('address 203.0.113.1');
    expect(ask(both, 'x-forwarded-for')).toBe('address 203.0.113.2');
    expect(ask(['Forwarded: for=203.0.113.2', 'X-Forwarded-For: 203.0.113.2'])).toBe('address 203.0.113.2');
    expect(ask(['Forwarded: for=unknown', 'X-Forwarded-For: 203.0.113.2'])).toBe(noKey);
  });

  test('only a trusted peer is believed, and no head is awaited from another', () => {
    expect(ask(['X-Forwarded-For: 203.0.113.1'], 'either', '203.0.113.9')).toBe('address 203.0.113.9');
    const chain = chainOf([{ kind: 'forwarded', trust, header: 'either' }]);
    expect(inWords(decide(head, chain, [''], { peer: '203.0.113.9' }))).toBe('address 203.0.113.9');
    expect(inWords(decide(head, chain, [''], { peer }))).toBe('need-more');
  });

  test('a list of 10,000 entries is refused by headBytesMax or read to its left end', () => {
    const list = Array.from({ length: 10_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(',');
    const lines = request('/', `X-Forwarded-For: 203.0.113.1,${list}`);
    const rules = [{ kind: 'forwarded', trust, header: 'either' }] as const;
    expect(inWords(decide(head, chainOf([...rules]), [lines], { peer }))).toBe('head-too-large');
    expect(inWords(decide(head, chainOf([...rules], undefined, 1 << 20), [lines], { peer }))).toBe(
      'address 203.0.113.1',
    );
  });

  test('the result agrees with proxy-addr whenever that finds an address', () => {
    const trustIt = proxyaddr.compile(trustList);
    // ipaddr.js does not know IPv6 that ends in a dotted quad, but for ::ffff:0:0/96.
    const ipv6 = fc.ipV6().filter((text) => isIP(text) === 6 && !text.includes('.'));
    const address = fc.oneof(
      fc.ipV4(),
      ipv6,
      fc.ipV4().map((text) => `::ffff:${text}`),
      fc.integer({ min: 0, max: 255 }).map((n) => `10.0.0.${n}`),
      fc.integer({ min: 0, max: 255 }).map((n) => `198.51.${99 + (n % 3)}.${n}`),
      fc.constantFrom('127.0.0.1', '::1', 'fd00::1', '2001:db8:1::9', '2001:db8:2::9'),
    );
    const hop = fc.oneof(
      { weight: 9, arbitrary: address },
      { weight: 1, arbitrary: fc.constantFrom('unknown', '_x', '') },
    );
    const separator = fc.constantFrom(',', ', ', ' , ', ',  ');
    const line = fc
      .tuple(fc.array(hop, { maxLength: 8 }), separator)
      .map(([hops, comma]) => hops.join(comma));
    fc.assert(
      fc.property(address, fc.array(line, { minLength: 1, maxLength: 3 }), (from, lines) => {
        const req = { socket: { remoteAddress: from }, headers: { 'x-forwarded-for': lines.join(', ') } };
        const theirs = proxyaddr(req as unknown as IncomingMessage, trustIt);
        const ours = ask(
          lines.map((value) => `X-Forwarded-For: ${value}`),
          'x-forwarded-for',
          from,
        );
        const expected = isIP(theirs) === 0 ? from : theirs;
        expect(ours).toBe(`address ${addressText(addressBytes(expected))}`);
      }),
      { numRuns: 2000 },
    );
  });
});
