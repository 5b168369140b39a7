import { describe, expect, test } from 'vitest';
import { namesOf, ruleOptions } from '../../src/affinity/rule-options.ts';
import type { AffinityName } from '../../src/affinity-options.ts';
import type { Rule } from '../../src/checks.ts';

const option = (rule: AffinityName, name: string) => ruleOptions[rule][name] as Rule;

describe('the name in', () => {
  test.each([
    [
      'header',
      ['x-user', 'X_User', "!#$%&'*+.^`|~-9"],
      ['', 'x user', 'x:user', 'x;user', 'é', 'a\n', '\na'],
    ],
    ['query', ['room', 'a=b', '!', '~', 'a[]'], ['', 'a b', 'é', 'a\n', '\na', ' a', 'a ']],
    ['cookie', ['sid', '__Host-sid', '!', '~', 'a:'], ['', 'a b', 'a;b', 'a=b', 'é', 'a\n', '\na']],
  ])('{ %s } can be any that a request can have', (kind, valid, invalid) => {
    const names = namesOf.get(kind) as RegExp;
    for (const name of valid) expect(names.test(name), name).toBe(true);
    for (const name of invalid) expect(names.test(name), JSON.stringify(name)).toBe(false);
  });

  test('no other rule has a name', () => {
    expect([...namesOf.keys()]).toEqual(['header', 'query', 'cookie']);
  });
});

test.each([
  [
    'name',
    ['limpet', '__Host-limpet', "!#$%&'*+.^`|~-"],
    ['', 'a b', 'a;b', 'a=b', 'a,b', '"a"', 'a\n', ' a', 7, ['a'], null],
    'a cookie name without blanks or separators (RFC 6265 section 4.1.1)',
  ],
  [
    'path',
    ['/', '/app', '/a b', '/~:<'],
    ['', 'app', 'a/', '/a;b', '/é', '/a\n', '\n/', 7, ['/'], null],
    "a path that begins with '/', without ';'",
  ],
  [
    'domain',
    ['example.org', '.example.org', 'localhost', 'A-1.B-2.Example', 'a.b.c.d'],
    ['', '.', 'a.', 'a..b', '..a', 'a b', 'a;b', 'a_b', 'a/b', 'a\n', '\na', '.é', 'a.é', 7, ['a'], null],
    'a domain such as example.org',
  ],
  [
    'maxAgeMs',
    [1, 31_536_000_000],
    [0, 31_536_000_001, 1.5, '1'],
    'a whole number from 1 to 31536000000 (milliseconds)',
  ],
  [
    'maxAge',
    [0, 34_560_000],
    [-1, 34_560_001, 1.5, '1'],
    'a whole number from 0 to 34560000 (seconds; browsers keep none longer than 400 days)',
  ],
  ['httpOnly', [true, false], [1, 'true', null], 'true or false'],
  ['secure', [true, false], [1, 'true', null], 'true or false'],
  ['sameSite', ['strict', 'lax', 'none'], ['Lax', '', true], 'one of "strict", "lax", "none"'],
])('the option %s of a cookie rule is checked', (name, valid, invalid, expected) => {
  const rule = option('cookie', name);
  for (const value of valid) expect(rule.ok(value), JSON.stringify(value)).toBe(true);
  for (const value of invalid) expect(rule.ok(value), JSON.stringify(value)).toBe(false);
  expect(rule.expected).toBe(expected);
});

test('the options of the other rules are checked', () => {
  const header = option('forwarded', 'header');
  expect(['x-forwarded-for', 'forwarded', 'Forwarded', ''].map(header.ok)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  for (const rule of ['proxy-protocol', 'forwarded'] as const) {
    const trust = option(rule, 'trust');
    expect(['loopback', ['10.0.0.0/8'], 7].map(trust.ok)).toEqual([true, true, false]);
  }
  expect([true, false, 1].map(option('proxy-protocol', 'optional').ok)).toEqual([true, true, false]);
});

test('each rule has exactly its options', () => {
  expect(Object.entries(ruleOptions).map(([rule, options]) => [rule, Object.keys(options)])).toEqual([
    ['address', []],
    ['proxy-protocol', ['trust', 'optional']],
    ['forwarded', ['trust', 'header']],
    ['cookie', ['name', 'maxAgeMs', 'path', 'domain', 'httpOnly', 'secure', 'sameSite', 'maxAge']],
    ['socket.io', []],
  ]);
});
