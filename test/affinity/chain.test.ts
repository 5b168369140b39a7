import { describe, expect, test } from 'vitest';
import { type AffinitySettings, compileAffinity, describeAffinity } from '../../src/affinity/chain.ts';
import type { Affinity } from '../../src/affinity-options.ts';
import { cookieKey, prefixes, sidKey } from './heads.ts';

const settings: Omit<AffinitySettings, 'affinity'> = {
  trust: [],
  proxyProtocol: 'required',
  cookieMaxAgeMs: 604_800_000,
  headBytes: 16_384,
  cookieKey,
  sidKey,
  node: 'n1',
  keepProxyHeader: false,
};
const compile = (affinity: unknown, changes: Partial<AffinitySettings> = {}) =>
  compileAffinity({ ...settings, ...changes, affinity: affinity as Affinity });

describe('compileAffinity', () => {
  test('every chain ends with address, which occurs once', () => {
    expect(compile('address').labels).toEqual(['address']);
    expect(compile(['cookie', 'forwarded']).labels).toEqual(['cookie', 'forwarded', 'address']);
    expect(compile(['cookie', 'address', 'forwarded']).labels).toEqual(['cookie', 'address']);
    expect(compile([{ header: 'X-User' }, { query: 'room' }, { cookie: 'sid' }]).chain.rules).toEqual([
      { kind: 'header', name: 'x-user' },
      { kind: 'query', name: 'room' },
      { kind: 'cookie', name: 'sid' },
      { kind: 'address' },
    ]);
  });

  test('a compiled chain says what must be read', () => {
    expect(compile('address')).toMatchObject({ peeks: false, readsHead: false, cookie: undefined });
    expect(compile('proxy-protocol')).toMatchObject({ peeks: true, readsHead: false });
    expect(compile('socket.io')).toMatchObject({ peeks: true, readsHead: true });
    expect(compile('cookie')).toMatchObject({ peeks: true, readsHead: true, cookie: { attributes: {} } });
  });

  test('a rule without options uses the router’s trust and proxyProtocol', () => {
    const trust = prefixes('192.0.2.1');
    const both = ['proxy-protocol', { by: 'forwarded', trust: '10.0.0.0/8', header: 'forwarded' }];
    expect(compile(both, { trust: '192.0.2.1', proxyProtocol: 'optional' }).chain).toMatchObject({
      proxyHeader: { use: 'consumed', optional: true, trust },
      rules: [
        { kind: 'proxy-protocol' },
        { kind: 'forwarded', trust: prefixes('10.0.0.0/8'), header: 'forwarded' },
        {},
      ],
    });
    expect(compile({ by: 'proxy-protocol', optional: true, trust: [] }).chain.proxyHeader).toEqual({
      use: 'consumed',
      optional: true,
      trust: new Uint8Array(),
    });
    expect(compile('proxy-protocol').chain.proxyHeader.optional).toBe(false);
    expect(compile('forwarded').chain.rules[0]).toMatchObject({ header: 'either' });
    expect(compile('proxy-protocol', { keepProxyHeader: true }).chain.proxyHeader.use).toBe('kept');
    expect(compile('cookie', { trust: '192.0.2.1' }).chain.proxyHeader.use).toBe('ignored');
  });

  test('the options of a cookie rule set its name, life and attributes', () => {
    const compiled = compile({ by: 'cookie', name: 'crab', maxAgeMs: 5_400_000, path: '/app', secure: true });
    expect(compiled.chain.cookie).toEqual({ name: 'crab', node: 'n1', key: cookieKey, hoursMax: 2 });
    expect(compiled.cookie?.attributes).toEqual({ path: '/app', secure: true });
    expect(compile('cookie').chain.cookie).toMatchObject({ name: 'limpet', hoursMax: 168 });
  });

  test.each([
    ['adress', /^affinity adress is not known\. Did you mean address\?/],
    ['Cookie', /Did you mean cookie/],
    [[], /at least one rule/],
    [{}, /\{ header \}/],
    [null, /a name or an object/],
    [7, /a name or an object/],
    [{ header: '' }, /name of a header/],
    [{ header: 'a b' }, /name of a header/],
    [{ header: 'a', query: 'b' }, /\{ header \}/],
    [
      { by: 'forwarded', trusted: [] },
      /^option of affinity forwarded trusted is not known\. Did you mean trust/,
    ],
    [{ by: 'cookies' }, /^affinity cookies is not known\. Did you mean cookie\?/],
    [{ header: 7 }, /name of a header/],
    [{ by: 'cookie', name: 'a;b' }, /cookie name/],
    [{ by: 'cookie', sameSite: 'Lax' }, /sameSite: got "Lax", expected one of "strict", "lax", "none"/],
    [{ by: 'cookie', path: 'app' }, /path: got "app"/],
    [{ by: 'cookie', path: '/;Domain=x' }, /path/],
    [{ by: 'cookie', domain: 'a;b' }, /domain/],
    [{ by: 'cookie', httpOnly: 'no' }, /httpOnly: got "no", expected true or false/],
    [{ by: 'cookie', maxAge: -1 }, /maxAge/],
    [{ by: 'cookie', maxAgeMs: '7d' }, /maxAgeMs/],
    [{ by: 'forwarded', header: 'X-Forwarded-For' }, /header: got "X-Forwarded-For"/],
    [{ by: 'forwarded', trust: 7 }, /trust: got 7/],
    [{ by: 'proxy-protocol', optional: 1 }, /optional: got 1/],
    [{ by: 'forwarded', trust: ['10.0.0.0/33'] }, /"10\.0\.0\.0\/33"/],
    [{ by: 'cookie', toString: 'a' }, /toString is not known/],
    [{ header: 'a:b' }, /name of a header/],
    [{ cookie: 'a=b' }, /name of a cookie/],
    [{ cookie: 'a;b' }, /name of a cookie/],
    [['cookie', { by: 'cookie', name: 'b' }], /expected cookie once/],
    [[{ by: 'proxy-protocol', trust: '::1' }, 'forwarded', 'proxy-protocol'], /proxy-protocol once/],
  ])('%j is refused, and the error says what was expected', (affinity, message) => {
    expect(() => compile(affinity)).toThrow(message);
    expect(() => compile(affinity)).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_OPTION' }));
  });
});

test('a misspelt name in trust is refused even if no rule uses it', () => {
  expect(() => compile('address', { trust: 'lopback' })).toThrow(/"lopback"/);
});

test('an invalid rule is in the facts of the error, with what was expected', () => {
  expect(() => compile([{ header: 'a b' }])).toThrow(
    expect.objectContaining({
      message:
        'option affinity: got {"header":"a b"}, expected the name of a header. ' +
        'Names are address, proxy-protocol, forwarded, cookie, socket.io.',
      facts: { option: 'affinity', value: { header: 'a b' }, expected: 'the name of a header' },
    }),
  );
});

test('the rules can be described in words', () => {
  expect(describeAffinity(['cookie', { header: 'X-User' }, { by: 'forwarded', trust: [] }])).toBe(
    'cookie, header X-User, forwarded, address',
  );
  expect(() => describeAffinity('adress' as Affinity)).toThrow(/Did you mean address/);
});
