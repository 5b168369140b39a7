import { describe, expect, test } from 'vitest';
import {
  addressBytes,
  addressText,
  bindings,
  chainOf,
  decide,
  hourNow,
  inWords,
  prefixes,
  proxyV2,
  request,
} from './heads.ts';

const trust = prefixes('10.0.0.0/8', '::/128');
const trusted = { peer: '10.1.2.3' };
const consumed = { use: 'consumed', optional: false, trust } as const;
const byProxy = chainOf([{ kind: 'proxy-protocol' }], consumed);
const v1 = 'PROXY TCP4 198.51.100.7 192.0.2.1 56324 443\r\n';

describe.each(bindings)('%s reader', (_, head) => {
  const ask = (stream: string | Uint8Array, chain = byProxy, peer = trusted): string =>
    inWords(decide(head, chain, [stream], peer));

  test('version 1 gives the client’s address', () => {
    expect(ask(v1)).toBe('address 198.51.100.7');
    expect(ask('PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\nGET')).toBe('address 2001:db8::7');
    expect(ask('PROXY TCP6 ::ffff:198.51.100.7 ::1 0 0\r\n')).toBe('address 198.51.100.7');
    expect(ask('PROXY UNKNOWN\r\n')).toBe('address 10.1.2.3');
    expect(ask('PROXY UNKNOWN ffff::1 whatever this is\r\n')).toBe('address 10.1.2.3');
  });

  test.each([
    'PROXY TCP4 198.51.100.7 192.0.2.1 56324 65536\r\n',
    'PROXY TCP4 198.51.100.7 192.0.2.1 056 443\r\n',
    'PROXY TCP4 198.51.100.7 192.0.2.1 56324 443 \r\n',
    'PROXY TCP4 198.51.100.7  192.0.2.1 56324 443\r\n',
    'PROXY TCP4 198.51.100.7 192.0.2.1 56324\r\n',
    'PROXY TCP4 198.51.100.7 192.0.2.1 56324 443\n\r\n',
    'PROXY TCP4 198.51.100.7 192.0.2.1 56324 443\rX',
    'PROXY TCP4 2001:db8::7 192.0.2.1 56324 443\r\n',
    'PROXY TCP6 198.51.100.7 192.0.2.1 56324 443\r\n',
    'PROXY TCP4 198.51.100.07 192.0.2.1 56324 443\r\n',
    'PROXY TCP4 198.51.100 192.0.2.1 56324 443\r\n',
    'PROXY TCP5 198.51.100.7 192.0.2.1 56324 443\r\n',
    'PROXY  TCP4 198.51.100.7 192.0.2.1 56324 443\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    `PROXY ${'x'.repeat(101)}`,
  ])('%j is malformed', (line) => {
    expect(ask(line)).toBe('proxy-header-malformed');
  });

  test('version 2 gives the client’s address, for all families', () => {
    expect(ask(proxyV2('198.51.100.7', '192.0.2.1'))).toBe('address 198.51.100.7');
    expect(ask(proxyV2('2001:db8::7', '2001:db8::1'))).toBe('address 2001:db8::7');
    expect(ask(proxyV2('198.51.100.7', '192.0.2.1', { transport: 2 }))).toBe('address 198.51.100.7');
    expect(ask(proxyV2('198.51.100.7', '192.0.2.1', { transport: 0 }))).toBe('address 10.1.2.3');
    const unix = Buffer.concat([signature, Buffer.from([0x21, 0x31, 0, 216]), Buffer.alloc(216, '/')]);
    expect(ask(unix)).toBe('address 10.1.2.3');
    expect(ask(Buffer.concat([signature, Buffer.from([0x21, 0, 0, 0])]))).toBe('address 10.1.2.3');
    expect(ask(Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])]))).toBe('address 10.1.2.3');
    expect(ask(Buffer.concat([signature, Buffer.from([0x20, 0xff, 0, 2, 0xff, 0xff])]))).toBe(
      'address 10.1.2.3',
    );
  });

  test('version 2: TLVs are skipped and a checksum is verified', () => {
    const tlvs = Buffer.from([1, 0, 2, 0x68, 0x32, 4, 0, 0, 0xe0, 0, 3, 1, 2, 3]);
    expect(ask(proxyV2('198.51.100.7', '192.0.2.1', { tlvs }))).toBe('address 198.51.100.7');
    expect(ask(proxyV2('198.51.100.7', '192.0.2.1', { tlvs, crc: 'right' }))).toBe('address 198.51.100.7');
    expect(ask(proxyV2('2001:db8::7', '::1', { crc: 'right' }))).toBe('address 2001:db8::7');
    expect(ask(proxyV2('198.51.100.7', '192.0.2.1', { tlvs, crc: 'wrong' }))).toBe('proxy-header-malformed');
    for (const broken of [[1], [1, 0], [1, 0, 3, 0, 0], [3, 0, 3, 0, 0, 0], [3, 0, 0]]) {
      const header = proxyV2('198.51.100.7', '192.0.2.1', { tlvs: Buffer.from(broken) });
      expect(ask(header)).toBe('proxy-header-malformed');
    }
  });

  test('version 2: a header that breaks the specification is malformed', () => {
    const good = proxyV2('198.51.100.7', '192.0.2.1');
    const changed = (at: number, byte: number): Buffer => {
      const copy = Buffer.from(good);
      copy[at] = byte;
      return copy;
    };
    for (const [at, byte] of [
      [12, 0x11],
      [12, 0x22],
      [12, 0x2f],
      [13, 0x13],
      [13, 0x41],
      [13, 0xf0],
      [15, 11],
      [15, 0],
    ] as const) {
      expect(ask(changed(at, byte)), `${at}: ${byte}`).toBe('proxy-header-malformed');
    }
    expect(ask(changed(14, 0x40))).toBe('proxy-header-malformed');
    const long = proxyV2('198.51.100.7', '192.0.2.1', {
      tlvs: Buffer.concat([Buffer.from([4, 0x30, 0]), Buffer.alloc(0x3000)]),
    });
    expect(ask(long)).toBe('address 198.51.100.7');
  });

  test('exactly the header is taken off the stream, whichever rule decides', () => {
    const header = { kind: 'header', name: 'x-user' } as const;
    const chain = chainOf([header, { kind: 'proxy-protocol' }], consumed);
    for (const proxyHeader of [v1, proxyV2('198.51.100.7', '192.0.2.1').toString('latin1')]) {
      const decision = decide(head, chain, [`${proxyHeader}${request('/', 'x-user: a')}`], trusted);
      expect(inWords(decision)).toBe('text a');
      expect(decision).toMatchObject({ consume: proxyHeader.length });
      expect(decide(head, chain, [`${proxyHeader}${request('/')}`], trusted)).toMatchObject({
        rule: 1,
        consume: proxyHeader.length,
      });
    }
  });

  test('the reading has the client’s address and port', () => {
    const reading = head.begin(head.compile(byProxy), { address: addressBytes('10.1.2.3'), port: 9 });
    expect(reading.proxied()).toBeUndefined();
    reading.decide(Buffer.from(v1), false, hourNow);
    const client = reading.proxied();
    expect(addressText(client?.address ?? new Uint8Array(16))).toBe('198.51.100.7');
    expect(client?.port).toBe(56_324);
  });

  test('forwarded addresses are believed if the address in the PROXY header is trusted', () => {
    const chain = chainOf(
      [{ kind: 'forwarded', trust: prefixes('198.51.100.7'), header: 'either' }],
      consumed,
    );
    const rest = request('/', 'X-Forwarded-For: 203.0.113.50');
    expect(ask(`${v1}${rest}`, chain)).toBe('address 203.0.113.50');
    expect(ask(`PROXY UNKNOWN\r\n${rest}`, chain)).toBe('address 10.1.2.3');
  });

  test('the header of a peer that is not trusted is left to the worker', () => {
    const decision = decide(head, byProxy, [v1], { peer: '203.0.113.9' });
    expect(decision).toMatchObject({ outcome: 'address', consume: 0 });
    expect(inWords(decision)).toBe('address 203.0.113.9');
    expect(ask('', byProxy, { peer: '203.0.113.9' })).toBe('address 203.0.113.9');
  });

  test('a missing header is refused, unless it is optional', () => {
    const optional = chainOf([{ kind: 'proxy-protocol' }], { ...consumed, optional: true });
    expect(ask(request('/'))).toBe('proxy-header-missing');
    expect(ask('PRI * HTTP/2.0')).toBe('proxy-header-missing');
    expect(ask(request('/'), optional)).toBe('address 10.1.2.3');
    expect(ask('PROXY TCP4 x', optional)).toBe('need-more');
    expect(ask('PROXY TCP4 x\r\n', optional)).toBe('proxy-header-malformed');
    for (const [stream, need, open] of [
      ['', 'proxy-header-missing', 'address 10.1.2.3'],
      ['PRO', 'proxy-header-missing', 'address 10.1.2.3'],
      ['PROXY TCP4 ', 'proxy-header-malformed', 'proxy-header-malformed'],
    ] as const) {
      expect(ask(stream)).toBe('need-more');
      expect(inWords(decide(head, byProxy, [stream], { ...trusted, ended: true }))).toBe(need);
      expect(inWords(decide(head, optional, [stream], { ...trusted, ended: true }))).toBe(open);
    }
  });

  test('if the worker reads headers itself, version 2 stays in the stream; version 1, and version 2 of other peers, are refused', () => {
    const kept = chainOf([{ kind: 'proxy-protocol' }], { ...consumed, use: 'kept' });
    const v2 = proxyV2('198.51.100.7', '192.0.2.1');
    expect(decide(head, kept, [v2], trusted)).toMatchObject({ outcome: 'address', consume: 0 });
    expect(ask(v1, kept)).toBe('proxy-header-malformed');
    const stranger = { peer: '203.0.113.9' };
    expect(ask(v2, kept, stranger)).toBe('proxy-header-untrusted');
    expect(ask(v2.subarray(0, 12), kept, stranger)).toBe('proxy-header-untrusted');
    expect(ask(v2.subarray(0, 11), kept, stranger)).toBe('need-more');
    expect(ask(request('/'), kept, stranger)).toBe('address 203.0.113.9');
    expect(ask(v1, kept, stranger)).toBe('address 203.0.113.9');
  });

  test('the peer of a unix socket can be trusted', () => {
    expect(ask(v1, byProxy, { peer: '::' })).toBe('address 198.51.100.7');
  });
});

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
