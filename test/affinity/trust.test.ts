import { describe, expect, test } from 'vitest';
import { compileAffinity } from '../../src/affinity/chain.ts';
import { idleRules, packTrust, trustsPeer } from '../../src/affinity/trust.ts';
import type { Affinity } from '../../src/affinity-options.ts';
import type { AffinityChain } from '../../src/binding/typescript/affinity-chain.ts';
import { addressBytes, cookieKey, prefixes, sidKey } from './heads.ts';

function chainOf(affinity: Affinity, trust: string | string[] = []): AffinityChain {
  return compileAffinity({
    affinity,
    trust,
    proxyProtocol: 'required',
    cookieMaxAgeMs: 1,
    headBytes: 16_384,
    cookieKey,
    sidKey,
    node: 'n1',
    keepProxyHeader: false,
  }).chain;
}

describe('packTrust', () => {
  test('packs addresses, CIDRs and names, from a list or from one text with commas', () => {
    expect(packTrust([])).toEqual(new Uint8Array());
    expect(packTrust('10.0.0.1, fd00::/8')).toEqual(prefixes('10.0.0.1', 'fd00::/8'));
    expect(packTrust(['loopback'])).toEqual(prefixes('127.0.0.1/8', '::1/128'));
    expect(packTrust(['linklocal', 'uniquelocal', 'unix'])).toEqual(
      prefixes(
        '169.254.0.0/16',
        'fe80::/10',
        '10.0.0.0/8',
        '172.16.0.0/12',
        '192.168.0.0/16',
        'fc00::/7',
        '::/128',
      ),
    );
    expect(packTrust('0.0.0.0/0')).toEqual(prefixes('0.0.0.0/0'));
  });

  test('a prefix has 16 bytes and its length; that of an IPv4 network counts from bit 96', () => {
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    expect(packTrust('10.0.0.0/8')).toEqual(Uint8Array.of(...mapped, 10, 0, 0, 0, 104));
    expect(packTrust('10.0.0.1')).toEqual(Uint8Array.of(...mapped, 10, 0, 0, 1, 128));
    expect(packTrust('::/0')).toEqual(new Uint8Array(17));
    expect(packTrust('::1/128').at(-1)).toBe(128);
  });

  test.each([
    '',
    'localhost',
    'constructor',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/1000',
    '10.0.0.0/8x',
    '10.0.0.0/x8',
    '::1/129',
    '10.0.0.0/-1',
    '10.0.0.0/ 8',
    '[::1]',
  ])('%j is refused', (entry) => {
    expect(() => packTrust([entry])).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_OPTION',
        message: `trust: got "${entry}", expected loopback, linklocal, uniquelocal, unix, an address, or a CIDR such as 10.0.0.0/8.`,
        facts: { option: 'trust', value: entry },
      }),
    );
  });
});

describe('trustsPeer', () => {
  const inside = addressBytes('10.1.2.3');
  const outside = addressBytes('203.0.113.9');

  test('is true for a peer whose PROXY headers or forwarded addresses are believed', () => {
    const byProxy = chainOf({ by: 'proxy-protocol', trust: '10.0.0.0/8' });
    expect([trustsPeer(byProxy, inside), trustsPeer(byProxy, outside)]).toEqual([true, false]);
    const byForwarded = chainOf(['cookie', { by: 'forwarded', trust: '10.0.0.0/8' }]);
    expect([trustsPeer(byForwarded, inside), trustsPeer(byForwarded, outside)]).toEqual([true, false]);
  });

  test('is false if no rule believes a proxy', () => {
    expect(trustsPeer(chainOf(['cookie', { header: 'x-user' }], '10.0.0.0/8'), inside)).toBe(false);
  });
});

test('a rule that needs a trusted proxy but trusts nobody is idle', () => {
  const both: Affinity = ['proxy-protocol', 'forwarded', 'cookie'];
  expect(idleRules(chainOf(both))).toEqual(['proxy-protocol', 'forwarded']);
  expect(idleRules(chainOf(both, 'loopback'))).toEqual([]);
  expect(idleRules(chainOf([{ by: 'proxy-protocol', trust: 'loopback' }, 'forwarded']))).toEqual([
    'forwarded',
  ]);
  expect(idleRules(chainOf([{ by: 'forwarded', trust: 'loopback' }, 'proxy-protocol']))).toEqual([
    'proxy-protocol',
  ]);
  expect(idleRules(chainOf('address'))).toEqual([]);
});
