import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv6Prefix } from '../../src/binding/typescript/client-key.ts';
import { bindings } from './engines.ts';

describe.each(bindings)('the client key of an address, %s', (_, { addressKey }) => {
  const keyOf = (address: string, ipv6Prefix: Ipv6Prefix = 64): string | undefined => {
    const key = addressKey(address, ipv6Prefix);
    return key && Buffer.from(key).toString('hex');
  };

  test.each([
    ['0.0.0.0', '0000ffff00000000'],
    ['203.0.113.7', '0000ffffcb007107'],
    ['255.255.255.255', '0000ffffffffffff'],
    ['::ffff:203.0.113.7', '0000ffffcb007107'],
    ['::FFFF:CB00:7107', '0000ffffcb007107'],
    ['0:0:0:0:0:ffff:203.0.113.7', '0000ffffcb007107'],
    ['::ffff:203.0.113.7%eth0', '0000ffffcb007107'],
    ['::', '0000000000000000'],
    ['::1', '0000000000000000'],
    ['::203.0.113.7', '0000000000000000'],
    ['::fffe:203.0.113.7', '0000000000000000'],
    ['2001:db8::7', '20010db800000000'],
    ['2001:0DB8:a1b2:c3d4:e5f6::', '20010db8a1b2c3d4'],
    ['2001:db8:a1b2:c3d4:1:2:203.0.113.7', '20010db8a1b2c3d4'],
    ['2001:db8:a1b2:c3d4:1:2:3::', '20010db8a1b2c3d4'],
    ['1::8', '0001000000000000'],
    ['fe80::1%eth0', 'fe80000000000000'],
    ['fe80::1%7', 'fe80000000000000'],
    ['fe80::1%br_lan.7:1', 'fe80000000000000'],
  ])('%s is %s', (address, key) => {
    expect(keyOf(address)).toBe(key);
  });

  test('the key of an IPv6 address ends at the prefix, the key of an IPv4 address has all bits', () => {
    const keys = ([32, 48, 56, 64] as const).map((prefix) => keyOf('2001:db8:a1b2:c3d4:e5f6::', prefix));
    expect(keys).toEqual(['20010db800000000', '20010db8a1b20000', '20010db8a1b2c300', '20010db8a1b2c3d4']);
    for (const prefix of [32, 48, 56, 64] as const)
      expect(keyOf('203.0.113.7', prefix)).toBe('0000ffffcb007107');
  });

  test.each([
    ...[
      '',
      ' ',
      'localhost',
      '0',
      '1',
      '1.2',
      '1.2.3',
      '1.2.3.',
      '.1.2.3',
      '1..2.3',
      '1.2.3.4.',
      '1.2.3.4.5',
    ],
    ...['256.1.1.1', '1.2.3.256', '1.2.3.1000', '01.2.3.4', '1.2.3.04', '00.0.0.0', '0x1.2.3.4', '1e1.2.3.4'],
    ...['+1.2.3.4', '-1.2.3.4', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.4\n', '1.2.3.4\0', '1.2.3.4:80', '1.2.3.4/32'],
    ...['1.2.3.4%eth0', '１.2.3.4', '1.2.3.٤', '1,2,3,4', '16909060'],
    ...[':', ':::', '::::', '1:', ':1', '1::2::3', '::1::', '1:::2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9'],
    ...['1:2:3:4:5:6:7:8:', ':1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1:2:3:4::5:6:7:8'],
    ...['12345::', '::12345', '::00001', '::g', '::-1', ':: 1', '::1 ', ' ::1', '::1\n', '::1\0', '::１'],
    ...[
      '[::1]',
      '[::1]:80',
      '::1/64',
      '::1%',
      '::1%%',
      '::1%a%b',
      '::1%a b',
      '::1%é',
      '::1%\0',
      '%eth0',
      '%',
    ],
    ...[
      '::1.2.3',
      '::1.2.3.4.5',
      '::01.2.3.4',
      '::256.2.3.4',
      '::a.2.3.4',
      '1.2.3.4::',
      '::1.2.3.4:5',
      '::1.2.3.4::',
    ],
    ...[
      '1:2:3:4:5:6:7:1.2.3.4',
      '1:2:3:4:5:1.2.3.4',
      '1:2:3:4:5:6::1.2.3.4',
      '::ffff:1.2.3.4.',
      '::.1.2.3.4',
    ],
  ])('%j is not an address', (text) => {
    expect(keyOf(text)).toBeUndefined();
  });

  test('a text is an address if Node says so', () => {
    const piece = fc.constantFrom(
      ...[
        '0',
        '1',
        '9',
        '10',
        '255',
        '256',
        '00',
        'a',
        'ff',
        'FFFF',
        '12345',
        'g',
        '.',
        ':',
        '::',
        '%',
        '%eth0',
      ],
      ...[' ', '-', '[', ']', 'é', '\0', '1.2.3.4', 'ffff:', ':ffff'],
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (some) => {
        const [address = '', ...zone] = some.split('%');
        const isZone = zone.length === 0 || (zone.length === 1 && /^[!-~]+$/.test(zone[0] as string));
        const expected = isIPv4(some) || (isIPv6(address) && isZone);
        expect(addressKey(some, 64) !== undefined).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
  });
});
