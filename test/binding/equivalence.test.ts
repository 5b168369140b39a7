/** The addon and the TypeScript implementation give the same results, bit for bit. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { native } from '../../src/binding/native.ts';
import type { Ipv6Prefix } from '../../src/binding/typescript/client-key.ts';
import { type RingBinding, typescriptRing } from '../../src/binding/typescript/ring-calls.ts';
import { randomNumbers } from '../ring/engines.ts';

const addon = native()?.ring as RingBinding | undefined;
const random = randomNumbers(17);
const below = (end: number): number => Math.floor(random() * end);
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
const prefixes = [32, 48, 56, 64] as const;

function suite(ring: RingBinding): void {
  test('a million random keys and messages hash alike', () => {
    const pool = bytes(65_536 + 64);
    let different = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const key = pool.subarray(i & 0xffff, (i & 0xffff) + 8);
      const at = below(65_536);
      const message = pool.subarray(at, at + below(41));
      if (ring.hash32(key, message) !== typescriptRing.hash32(key, message)) different++;
    }
    expect(different).toBe(0);
  });

  test('long messages hash alike', () => {
    for (let size = 0; size < 3000; size += 1 + below(37)) {
      const [key, message] = [bytes(8), bytes(size)];
      expect(ring.hash32(key, message)).toBe(typescriptRing.hash32(key, message));
    }
  });

  test('addresses, and texts that are not addresses, give the same keys', () => {
    const piece = fc.constantFrom(
      ...[
        '0',
        '1',
        '25',
        '255',
        '256',
        'f',
        'ffff',
        'fffff',
        '.',
        ':',
        '::',
        '%',
        'eth0',
        ' ',
        '[',
        '\0',
        '\ud800',
      ],
      ...['1.2.3.4', '::ffff:', '2001:db8'],
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('')),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV6().map((address) => `${address}%eth0`),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, fc.constantFrom<Ipv6Prefix>(...prefixes), (some, prefix) => {
        expect(ring.addressKey(some, prefix)).toEqual(typescriptRing.addressKey(some, prefix));
      }),
      { numRuns: 20_000 },
    );
    for (const some of [
      '1'.repeat(100_000),
      ':'.repeat(100_000),
      '1:'.repeat(50_000),
      `::1%${'z'.repeat(100_000)}`,
    ]) {
      expect(ring.addressKey(some, 64)).toEqual(typescriptRing.addressKey(some, 64));
    }
  });

  test('slots of any weights that join, leave and go down give the same tables', () => {
    for (let round = 0; round < 60; round++) {
      const slots = 1 + below(100);
      const weights = Float64Array.from({ length: slots }, () =>
        round % 3 === 0 ? 1 : round % 3 === 1 ? 1 + below(9) : 10 ** (random() * 6 - 3),
      );
      const buckets = 2 ** (7 + below(4));
      const homes = ring.buildHomes(weights, buckets);
      expect(homes).toEqual(typescriptRing.buildHomes(weights, buckets));

      const others = homes.slice();
      for (let turn = 0; turn < 4 && slots > 4; turn++) {
        const slot = below(slots);
        const leaves = weights[slot] !== 0;
        weights[slot] = leaves ? 0 : 1 + random();
        const calls = leaves
          ? ([ring.leaveHomes, typescriptRing.leaveHomes] as const)
          : ([ring.joinHomes, typescriptRing.joinHomes] as const);
        calls[0](homes, weights, slot);
        calls[1](others, weights, slot);
        expect(homes).toEqual(others);
      }

      const down = Uint8Array.from(weights, (weight) => (weight === 0 || random() < 0.4 ? 1 : 0));
      const owners = [new Uint16Array(buckets), new Uint16Array(buckets)] as const;
      ring.assignOwners(homes, weights, down, owners[0]);
      typescriptRing.assignOwners(homes, weights, down, owners[1]);
      expect(owners[0]).toEqual(owners[1]);
    }
  });

  test('lookups of many addresses at once give the same owners', () => {
    for (const count of [0, 1, 2, 63, 64, 65, 127, 128, 1000, 100_001]) {
      const key = bytes(8);
      const owners = Uint16Array.from({ length: 2 ** (6 + below(11)) }, () => below(65_536));
      const quads = Uint32Array.from({ length: count }, () => random() * 2 ** 32);
      const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];
      const hextets = Uint8Array.from({ length: 16 * Math.min(count, 3000) }, (_, i) =>
        (i >>> 4) % 3 === 0 ? (mapped[i & 15] ?? below(256)) : below((i >>> 4) % 3 === 1 ? 256 : 2),
      );
      const answers = [new Uint16Array(count), new Uint16Array(count)] as const;
      ring.ownersOfIpv4(key, owners, quads, answers[0]);
      typescriptRing.ownersOfIpv4(key, owners, quads, answers[1]);
      expect(answers[0]).toEqual(answers[1]);
      for (const prefix of prefixes) {
        ring.ownersOfIpv6(key, owners, prefix, hextets, answers[0]);
        typescriptRing.ownersOfIpv6(key, owners, prefix, hextets, answers[1]);
        expect(answers[0]).toEqual(answers[1]);
      }
    }
  });

  test('bytes in shared memory or in the middle of a buffer hash alike', () => {
    const key = bytes(16).subarray(3, 11);
    const shared = new Uint8Array(new SharedArrayBuffer(40)).subarray(5, 30);
    shared.set(bytes(25));
    expect(ring.hash32(key, shared)).toBe(typescriptRing.hash32(key, shared));
  });
}

describe('the addon and the TypeScript implementation', () => {
  if (addon) suite(addon);
  else test('the addon', ({ skip }) => skip('no native addon here: npm run build:native makes it'));
});
