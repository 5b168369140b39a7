import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CookieIssuer } from '../../src/affinity/cookie.ts';
import { sidMaker } from '../../src/affinity/socket-io.ts';
import { packTrust } from '../../src/affinity/trust.ts';
import type { AffinityChain, ChainRule } from '../../src/binding/typescript/affinity-chain.ts';
import { typescriptHead } from '../../src/binding/typescript/head-calls.ts';
import { bindings, chainOf, decide, hourNow, proxyV2, seal, sidKey } from './heads.ts';

// The streams are made of meaningful parts, then cut and damaged.
const good = new CookieIssuer({ seal, attributes: {} }, 7).value(hourNow);
const sid = sidMaker(sidKey, 3, 200)();
const trust = packTrust(['10.0.0.0/8', 'fd00::/8']);

const rules: ChainRule[] = [
  { kind: 'proxy-protocol' },
  { kind: 'forwarded', trust, header: 'either' },
  { kind: 'forwarded', trust, header: 'x-forwarded-for' },
  { kind: 'forwarded', trust, header: 'forwarded' },
  { kind: 'affinity-cookie' },
  { kind: 'sid' },
  { kind: 'cookie', name: 'user' },
  { kind: 'header', name: 'x-user' },
  { kind: 'query', name: 'room' },
];
const chain = fc
  .tuple(
    fc.shuffledSubarray(rules, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('ignored', 'consumed', 'kept'),
    fc.boolean(),
    fc.constantFrom(1024, 16_384),
  )
  .map(([some, use, optional, bytes]) => chainOf(some, { use, optional, trust }, bytes));

const part = fc.constantFrom(
  'for',
  '=',
  '"',
  ';',
  ',',
  ' ',
  '\t',
  ':',
  '\\',
  '[',
  ']',
  'unknown',
  '_x',
  '10.0.0.3',
  '203.0.113.1',
  '2001:db8::1',
  '[2001:db8::1]:8',
  ':80',
  'limpet',
  `limpet=${good}`,
  good,
  `user=ada`,
  'user',
  sid,
  'é',
  '\0',
  '%41',
  '+',
  '%',
  '&',
  '?',
  '#',
);
const value = fc.oneof(
  fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
  fc.constantFrom('for=203.0.113.1', '9.9.9.9, 203.0.113.7, 10.1.1.1'),
);
const line = fc
  .tuple(
    fc.constantFrom(
      'Cookie',
      'cookie',
      'X-User',
      'x-user',
      'Forwarded',
      'X-Forwarded-For',
      'Host',
      'a',
      ' b',
      'c ',
    ),
    fc.constantFrom(':', ': ', ':\t'),
    value,
    fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r\n '),
  )
  .map((pieces) => pieces.join(''));
const target = fc.oneof(
  fc.constantFrom('/', `/socket.io/?EIO=4&sid=${sid}`, '/?room=blue', '/?room=a%20b', '*'),
  fc
    .array(fc.oneof(part, fc.constantFrom('sid=', 'room=', 'r%6fom=', '/')), { minLength: 1, maxLength: 8 })
    .map((parts) => parts.join('')),
);
const proxyHeader = fc.constantFrom(
  '',
  '',
  'PROXY TCP4 203.0.113.77 192.0.2.1 1 2\r\n',
  'PROXY TCP6 2001:db8::7 ::1 1 2\r\n',
  'PROXY UNKNOWN x\r\n',
  'PROXY TCP4 x\r\n',
  'PROX',
  proxyV2('203.0.113.78', '192.0.2.1', { crc: 'right' }).toString('latin1'),
  proxyV2('2001:db8::8', '::1', { tlvs: Buffer.from([4, 0, 1, 0]) }).toString('latin1'),
  proxyV2('203.0.113.79', '192.0.2.1', { command: 0 }).toString('latin1'),
  proxyV2('203.0.113.80', '192.0.2.1', { crc: 'wrong' }).toString('latin1'),
);
const whole = fc
  .tuple(
    proxyHeader,
    fc.constantFrom('GET', 'POST', 'g-t', ''),
    target,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0'),
    fc.array(line, { maxLength: 6 }),
    fc.constantFrom('', 'body', 'GET / HTTP/1.1\r\n\r\n'),
  )
  .map(([proxy, method, path, version, lines, rest]) =>
    Buffer.from(`${proxy}${method} ${path} ${version}\r\n${lines.join('')}\r\n${rest}`, 'latin1'),
  );
const damage = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean());
const stream = fc.oneof(
  { weight: 6, arbitrary: whole },
  {
    weight: 3,
    arbitrary: fc.tuple(whole, damage).map(([bytes, [at, byte, cut]]) => {
      const copy = Buffer.from(bytes);
      copy[at % copy.length] = byte;
      return cut ? copy.subarray(0, at % copy.length) : copy;
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);
const peer = fc.constantFrom('10.0.0.1', '203.0.113.9', 'fd00::1');

describe.runIf(bindings.length === 2)('native and TypeScript reader', () => {
  const [, head] = bindings[0] as (typeof bindings)[0];

  test('make the same decision for every stream', () => {
    fc.assert(
      fc.property(chain, stream, peer, fc.boolean(), (rules: AffinityChain, bytes, from, ended) => {
        const options = { peer: from, ended };
        expect(decide(head, rules, [bytes], options)).toEqual(
          decide(typescriptHead, rules, [bytes], options),
        );
      }),
      { numRuns: 10_000 },
    );
  });

  test('parse addresses alike', () => {
    const piece = fc.constantFrom(
      ':',
      '::',
      '.',
      '0',
      '1',
      '255',
      '256',
      'ffff',
      'FfFf',
      '12345',
      'g',
      '1.2.3.4',
      '%',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.array(piece, { maxLength: 12 }).map((p) => p.join('')),
        ),
        (text) => {
          expect(head.parseAddress(text)).toEqual(typescriptHead.parseAddress(text));
        },
      ),
      { numRuns: 10_000 },
    );
  });

  test('hash alike', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ maxLength: 300 }),
        (key, message) => {
          expect(head.sipHash24(key, message)).toEqual(typescriptHead.sipHash24(key, message));
        },
      ),
    );
  });
});

describe.each(bindings)('%s reader', (name, head) => {
  test('the decision depends only on the stream, not on its portions', () => {
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
    fc.assert(
      fc.property(chain, stream, peer, cuts, (rules, bytes, from, where) => {
        const once = decide(head, rules, [bytes], { peer: from });
        const at = [0, ...where.map((fraction) => Math.floor(fraction * bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        );
        const portions = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(decide(head, rules, portions, { peer: from })).toEqual(once);
        const singles = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
        expect(decide(head, rules, [Buffer.alloc(0), ...singles], { peer: from })).toEqual(once);
      }),
      { numRuns: name === 'native' ? 1000 : 300 },
    );
  });
});
