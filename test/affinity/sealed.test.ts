import { describe, expect, test } from 'vitest';
import { CookieIssuer } from '../../src/affinity/cookie.ts';
import { sidMaker } from '../../src/affinity/socket-io.ts';
import { bindings, chainOf, cookieKey, decide, hourNow, inWords, request, seal, sidKey } from './heads.ts';

const peer = 'address 203.0.113.9';
const issuer = (slot: number, changes = {}): CookieIssuer =>
  new CookieIssuer({ seal: { ...seal, ...changes }, attributes: {} }, slot);
const hour = (hours: number): number => hours * 3_600_000;

describe.each(bindings)('%s reader', (_, head) => {
  test('SipHash-2-4 gives the published results', () => {
    const key = Uint8Array.from({ length: 16 }, (_, i) => i);
    const hash = (length: number): string =>
      Buffer.from(
        head.sipHash24(
          key,
          Uint8Array.from({ length }, (_, i) => i),
        ),
      ).toString('hex');
    // From the appendix of the paper, and the first of the published vectors.
    expect(hash(15)).toBe('e545be4961ca29a1');
    expect([0, 1, 2, 7, 8].map(hash)).toEqual([
      '310e0edd47db6f72',
      'fd67dc93c539f874',
      '5a4fa9d909806c0d',
      '37d1018bf50002ab',
      '6224939a79f5f593',
    ]);
  });

  describe('cookie', () => {
    const ask = (...cookies: string[]): string =>
      inWords(
        decide(head, chainOf([{ kind: 'affinity-cookie' }]), [
          request('/', ...cookies.map((c) => `Cookie: ${c}`)),
        ]),
      );
    const good = issuer(7).value(hourNow);

    test('limpet’s cookie leads to its slot, anywhere among other cookies', () => {
      expect(good).toMatch(/^1\.n1\.7\.490000\.[0-9a-f]{16}$/);
      expect(ask(`limpet=${good}`)).toBe('slot 7');
      expect(ask(`a=b;limpet=${good}; c=d`)).toBe('slot 7');
      expect(ask('a=b', `x=y;\tlimpet=${good}`)).toBe('slot 7');
      expect(ask(`limpet=forged; limpet=${good}`)).toBe('slot 7');
      expect(ask(`limpet=${issuer(0).value(hourNow)}`)).toBe('slot 0');
      expect(ask(`limpet=${issuer(255).value(hourNow)}`)).toBe('slot 255');
    });

    test('a cookie of almost the same form yields no key', () => {
      for (const cookie of [
        `xlimpet=${good}`,
        `limpet =${good}`,
        `Limpet=${good}`,
        `limpetx=${good}`,
        `limpet="${good}"`,
        `limpet=${good}.`,
        `limpet=${good} x`,
        `limpet==${good}`,
        `limpet:${good}`,
        `a=limpet=${good}`,
        good,
        `limpet=1.n1.7.490000`,
        'limpet=',
        'limpet',
        `limpet=${good.toUpperCase()}`,
        `limpet=%31${good.slice(1)}`,
      ]) {
        expect(ask(cookie), cookie).toBe(peer);
      }
      const headers = [`X-Cookie: limpet=${good}`, `Cookie2: limpet=${good}`];
      const stream = `${request(`/?limpet=${good}`, ...headers)}Cookie: limpet=${good}\r\n\r\n`;
      expect(inWords(decide(head, chainOf([{ kind: 'affinity-cookie' }]), [stream]))).toBe(peer);
    });

    test('any changed character makes it invalid', () => {
      for (let at = 0; at < good.length; at++) {
        const changed = `${good.slice(0, at)}${good[at] === '1' ? '2' : '1'}${good.slice(at + 1)}`;
        expect(ask(`limpet=${changed}`), changed).toBe(peer);
        expect(ask(`limpet=${good.slice(0, at)}`)).toBe(peer);
      }
    });

    test('slot and hour have one spelling, even if the tag is valid', () => {
      const sealed = (text: string): string =>
        `${text}.${Buffer.from(head.sipHash24(cookieKey, Buffer.from(text)))
          .reverse()
          .toString('hex')}`;
      expect(ask(`limpet=${sealed('1.n1.7.490000')}`)).toBe('slot 7');
      for (const text of [
        '1.n1.07.490000',
        '1.n1.256.490000',
        '1.n1.+7.490000',
        '1.n1.7.0490000',
        '1.n1..490000',
        '2.n1.7.490000',
        '1.n1.7.490000.1',
        '1.n1.7',
        '1.n1.7.99999999999',
      ]) {
        expect(ask(`limpet=${sealed(text)}`), text).toBe(peer);
      }
    });

    test('a cookie of another machine, of another key, too old, or from the future yields no key', () => {
      expect(ask(`limpet=${issuer(7, { node: 'n2' }).value(hourNow)}`)).toBe(peer);
      expect(ask(`limpet=${issuer(7, { key: sidKey }).value(hourNow)}`)).toBe(peer);
      expect(ask(`limpet=${issuer(7).value(hourNow - 168)}`)).toBe('slot 7');
      expect(ask(`limpet=${issuer(7).value(hourNow - 169)}`)).toBe(peer);
      expect(ask(`limpet=${issuer(7).value(hourNow + 1)}`)).toBe('slot 7');
      expect(ask(`limpet=${issuer(7).value(hourNow + 2)}`)).toBe(peer);
    });
  });

  describe('sid', () => {
    const ask = (target: string): string =>
      inWords(decide(head, chainOf([{ kind: 'sid' }]), [request(target)]));
    const sid = sidMaker(sidKey, 3, 200)();

    test('limpet’s sid leads to its worker', () => {
      expect(sid).toMatch(/^[A-Za-z0-9_-]{20}$/);
      expect(ask(`/socket.io/?EIO=4&transport=polling&t=abc&sid=${sid}`)).toBe('slot 3.200');
      expect(ask(`/any/path?sid=${sid}`)).toBe('slot 3.200');
      expect(ask(`/?sid=${sidMaker(sidKey, 255, 0)()}`)).toBe('slot 255.0');
    });

    test('a sid in the path, the fragment, a cookie, the body or under another name yields no key', () => {
      for (const target of [
        `/sid=${sid}`,
        `/${sid}`,
        `/a#?sid=${sid}`,
        `/?b=sid=${sid}`,
        `/?xsid=${sid}`,
        `/?SID=${sid}`,
        `/?sid=${sid}&sid=${sid}`,
        `/?sid=${sid}A`,
        `/?sid=${sid.slice(1)}`,
        `/?sid=`,
        '/?sid',
        `/?sid=${'A'.repeat(20)}`,
        `/?sid=%${sid.slice(1)}`,
      ]) {
        expect(ask(target), target).toBe(peer);
      }
      const stream = `${request('/?a=b', `Cookie: sid=${sid}; io=${sid}`, `Referer: http://a/?sid=${sid}`)}?sid=${sid}`;
      expect(inWords(decide(head, chainOf([{ kind: 'sid' }]), [stream]))).toBe(peer);
    });

    test('any changed character makes it invalid', () => {
      for (let at = 0; at < sid.length; at++) {
        const changed = `${sid.slice(0, at)}${sid[at] === 'A' ? 'B' : 'A'}${sid.slice(at + 1)}`;
        expect(ask(`/?sid=${changed}`), changed).toBe(peer);
      }
      expect(ask(`/?sid=${sidMaker(cookieKey, 3, 200)()}`)).toBe(peer);
    });

    test('5,000 sids are all different', () => {
      const make = sidMaker(sidKey, 3, 200);
      expect(new Set(Array.from({ length: 5000 }, make))).toHaveLength(5000);
    });
  });
});

describe('CookieIssuer', () => {
  const now = hour(hourNow) + 1;

  test('sets a cookie unless the client’s cookie leads to this worker', () => {
    const here = issuer(7);
    const set = here.setCookie(undefined, false, now);
    expect(set).toBe(`limpet=${here.value(hourNow)}; Path=/; HttpOnly; SameSite=Lax`);
    expect(here.setCookie(`a=b; limpet=${here.value(hourNow)}`, false, now)).toBeUndefined();
    expect(here.setCookie(`limpet=${issuer(6).value(hourNow)}`, false, now)).toBe(set);
    expect(here.setCookie(`limpet=forged`, false, now)).toBe(set);
    expect(here.setCookie(`limpet=${issuer(7, { node: 'n2' }).value(hourNow)}`, false, now)).toBe(set);
  });

  test('reads a Cookie header like the rule that places connections: the first valid cookie counts', () => {
    const here = issuer(7);
    const value = here.value(hourNow);
    for (const alike of [`limpet =${value}`, `limpet= ${value}`, `xlimpet=${value}`, `limpet="${value}"`]) {
      expect(here.setCookie(alike, false, now), alike).toBeDefined();
    }
    expect(here.setCookie(`limpet=forged; limpet=${value}`, false, now)).toBeUndefined();
    expect(here.setCookie(`limpet=${issuer(6).value(hourNow)}; limpet=${value}`, false, now)).toBeDefined();
  });

  test('renews the cookie in the second half of its life', () => {
    const here = issuer(7);
    expect(here.setCookie(`limpet=${issuer(7).value(hourNow - 84)}`, false, now)).toBeUndefined();
    expect(here.setCookie(`limpet=${issuer(7).value(hourNow - 85)}`, false, now)).toContain(`.490000.`);
  });

  test('uses the configured attributes, and by default Secure for requests over TLS', () => {
    const attributes = {
      path: '/app',
      domain: 'example.org',
      httpOnly: false,
      sameSite: 'none',
      maxAge: 60,
    } as const;
    const plain = new CookieIssuer({ seal, attributes }, 1);
    expect(plain.setCookie(undefined, false, now)).toMatch(
      /^limpet=[^;]+; Max-Age=60; Domain=example\.org; Path=\/app; SameSite=None$/,
    );
    expect(plain.setCookie(undefined, true, now)).toContain('; Secure');
    expect(
      new CookieIssuer({ seal, attributes: { secure: true } }, 1).setCookie(undefined, false, now),
    ).toContain('; Secure');
    expect(
      new CookieIssuer({ seal, attributes: { secure: false } }, 1).setCookie(undefined, true, now),
    ).not.toContain('Secure');
  });
});
