import { sign } from 'cookie-signature';
import { describe, expect, test } from 'vitest';
import { cookieDefaults, secretsOf, sidFromCookies, signedSid } from '../../../src/session/http/cookie.ts';

const secrets = ['the new secret', 'the old secret'];
const header = (value: string): string => `a=1; sid=${encodeURIComponent(value)}; b=2`;

describe('the sid of a Cookie header', () => {
  test('is the one that was signed with any of the secrets', () => {
    for (const secret of secrets) {
      expect(sidFromCookies(header(signedSid('abc.def', secret)), 'sid', secrets)).toBe('abc.def');
    }
  });

  test('is signed as express-session signs it', () => {
    expect(signedSid('abc', 'secret')).toBe(`s:${sign('abc', 'secret')}`);
    expect(signedSid('abc', 'secret')).toMatch(/^s:abc\.[A-Za-z0-9+/]{43}$/);
  });

  test.each([
    ['another secret', header(signedSid('abc', 'a stranger’s secret'))],
    ['no prefix', header(signedSid('abc', 'the new secret').slice(2))],
    ['no signature', header('s:abc')],
    ['an empty signature', header('s:abc.')],
    ['an empty sid', header(signedSid('', 'the new secret'))],
    ['an empty value', 'sid='],
    ['another name', header(signedSid('abc', 'the new secret')).replace('sid=', 'sid2=')],
    ['no value', 'sid'],
    ['a bad encoding', 'sid=%'],
  ])('is none with %s', (_name, text) => {
    expect(sidFromCookies(text, 'sid', secrets)).toBeUndefined();
  });

  test('is none without a header', () => {
    expect(sidFromCookies(undefined, 'sid', secrets)).toBeUndefined();
    expect(sidFromCookies('', 'sid', secrets)).toBeUndefined();
  });

  test('is none without a secret', () => {
    expect(sidFromCookies(header(signedSid('abc', 'the new secret')), 'sid', [])).toBeUndefined();
  });

  test('is not looked for in a header of more than 65,536 characters', () => {
    const cookie = header(signedSid('abc', 'the new secret'));
    const longest = cookie.padEnd(65_536, '; x');
    expect(sidFromCookies(longest, 'sid', secrets)).toBe('abc');
    expect(sidFromCookies(`${longest};`, 'sid', secrets)).toBeUndefined();
  });
});

describe('the option secret', () => {
  test('is a text, or a list of texts', () => {
    expect(secretsOf('one')).toEqual(['one']);
    expect(secretsOf(['one', 'two'])).toEqual(['one', 'two']);
  });

  test.each([undefined, null, '', [], [''], ['one', ''], 1, [1], {}])('is not %j', (secret) => {
    expect(() => secretsOf(secret)).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_OPTION', facts: { option: 'secret' } }),
    );
  });
});

test('the cookie is out of reach of scripts and other sites by default', () => {
  expect(cookieDefaults).toEqual({ path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' });
});
