import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  clientAddress,
  isProxied,
  makeProxyHeader,
  markProxied,
  trustProxyHeaders,
} from '../../src/adapter/proxied-client.ts';
import { addressText } from '../../src/binding/typescript/ip-address.ts';
import { readProxyHeader } from '../../src/binding/typescript/proxy-protocol.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')).buffer;

// This test comes first, because trustProxyHeaders() holds for the rest of the process.
describe('clientAddress()', () => {
  const proxiedResponse = {
    getRemoteAddress: () => bytesOf('c000 0201'),
    getProxiedRemoteAddress: () => bytesOf('cb00 7107'),
  };

  it.each([
    ['cb007107', '203.0.113.7'],
    ['0000 0000 0000 0000 0000 ffff cb00 7107', '203.0.113.7'],
    ['2001 0db8 0000 0000 0000 0000 0000 0007', '2001:db8::7'],
    ['2001 0db8 0000 0001 0000 0000 0000 0001', '2001:db8:0:1::1'],
    ['2001 0db8 0000 0000 ffff cb00 7107 0000', '2001:db8::ffff:cb00:7107:0'],
    ['0000 0000 0000 0000 0000 0000 0000 0001', '::1'],
    ['0000 0000 0000 0000 0000 0000 0000 0000', '::'],
    ['', ''],
  ])('%s is %s', (hex, text) => {
    expect(clientAddress({ getRemoteAddress: () => bytesOf(hex) })).toBe(text);
  });

  it('ignores PROXY headers until they are trusted', () => {
    expect(clientAddress(proxiedResponse)).toBe('192.0.2.1');
    trustProxyHeaders();
    expect(clientAddress(proxiedResponse)).toBe('203.0.113.7');
  });

  it('returns the peer if there is no PROXY header, or the header cannot be read', () => {
    expect(clientAddress({ ...proxiedResponse, getProxiedRemoteAddress: () => bytesOf('') })).toBe(
      '192.0.2.1',
    );
    expect(clientAddress({ getRemoteAddress: proxiedResponse.getRemoteAddress })).toBe('192.0.2.1');
  });
});

describe('isProxied()', () => {
  const socket = (parent?: Socket | null) => ({ _parent: parent }) as unknown as Socket;

  it('is true for a marked socket, and for a TLS stream over it', () => {
    const marked = socket();
    expect([isProxied(marked), isProxied(socket(marked))]).toEqual([false, false]);
    markProxied(marked);
    expect([isProxied(marked), isProxied(socket(marked))]).toEqual([true, true]);
    expect([isProxied(socket(null)), isProxied(socket(socket()))]).toEqual([false, false]);
  });
});

describe('makeProxyHeader()', () => {
  it.each([
    ['203.0.113.7', 4711, '203.0.113.7', 4711],
    ['::ffff:203.0.113.7', 65_535, '203.0.113.7', 65_535],
    ['2001:db8::7', undefined, '2001:db8::7', 0],
    ['fe80::1%eth0', 1, 'fe80::1', 1],
  ])('names the client %s, port %s', (address, port, expectedAddress, expectedPort) => {
    const header = makeProxyHeader(address, port);
    const read = readProxyHeader(header, 256);
    if (read.shape !== 'proxied') throw new Error(`it is ${read.shape}`);
    expect([addressText(read.source.address), read.source.port]).toEqual([expectedAddress, expectedPort]);
    expect([header.length, read.length, read.version]).toEqual([52, 52, 2]);
  });

  it.each([[undefined], [''], ['no address']])('names nobody without a valid address: %s', (address) => {
    const header = makeProxyHeader(address, 80);
    expect(readProxyHeader(header, 256)).toEqual({ shape: 'silent', version: 2, length: header.length });
    expect(header.length).toBe(16);
  });
});
