import { describe, expect, it } from 'vitest';
import { CookieIssuer } from '../../../src/affinity/cookie.ts';
import type { Affinity } from '../../../src/affinity-options.ts';
import { explainClient } from '../../../src/cluster/primary/explain.ts';
import { RouterAffinity } from '../../../src/cluster/primary/listeners/router-affinity.ts';
import { checkRouterOptions, type RouterOptions } from '../../../src/options.ts';
import { deriveKey } from '../../../src/ring/secret.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { proxyV2, request } from '../../affinity/heads.ts';

const secret = 'a secret of enough bytes';

function router(affinity: Affinity, options: RouterOptions = {}) {
  const rules = new RouterAffinity(checkRouterOptions({ affinity, node: 'one', ...options }), secret).compile(
    {
      kind: 'node',
      tls: false,
    },
  );
  const ring = new SlotRing({ slots: 4, key: deriveKey(secret, 'ring', 8) });
  const ask = (head: string | Uint8Array, address?: string) =>
    explainClient(rules, ring, address === undefined ? { head } : { head, address });
  return { rules, ring, ask };
}

describe('explain() of a request head', () => {
  it('tells the rule, the key, the bucket and the slots of a header', () => {
    const { ring, ask } = router([{ header: 'X-User' }, { query: 'room' }]);
    const hash = ring.hashOfKey('ada');
    expect(ask(request('/', 'x-USER: ada'))).toEqual({
      rule: 'header X-User',
      key: 'ada',
      client: 'ada',
      hash,
      bucket: hash >>> 22,
      home: ring.homeOfHash(hash),
      owner: ring.homeOfHash(hash),
      reason: 'home',
    });
    expect(ask(request('/?room=ada'))).toMatchObject({ rule: 'query room', hash });
    expect(ask(request('/'), '203.0.113.7')).toMatchObject({
      rule: 'address',
      client: '203.0.113.7',
      key: '0000ffffcb007107',
    });
  });

  it('says who serves for a slot that is down, and that nobody does', () => {
    const { ring, ask } = router({ header: 'x-user' });
    const { home } = ask(request('/', 'x-user: ada'));
    ring.down(home);
    const fallback = ask(request('/', 'x-user: ada'));
    expect(fallback).toMatchObject({ home, reason: 'fallback', owner: ring.slotOfKey('ada') });
    for (const slot of [0, 1, 2, 3]) ring.down(slot);
    expect(ask(request('/', 'x-user: ada'))).toMatchObject({ home, owner: -1, reason: 'none' });
  });

  it('knows the slot that a cookie carries, and where its client goes while that is down', () => {
    const { rules, ring, ask } = router('cookie');
    const issued = new CookieIssuer(rules.cookie as NonNullable<typeof rules.cookie>, 2);
    const cookie = issued.setCookie(undefined, false)?.split(';')[0];
    expect(ask(request('/', `Cookie: ${cookie}`))).toMatchObject({
      rule: 'cookie',
      key: 'slot 2',
      home: 2,
      owner: 2,
      reason: 'carried',
    });
    ring.down(2);
    expect(ask(request('/', `Cookie: ${cookie}`), '203.0.113.7')).toMatchObject({
      rule: 'cookie',
      home: 2,
      client: '203.0.113.7',
      owner: ring.slotOfAddress('203.0.113.7'),
      reason: 'fallback',
    });
    expect(ask(request('/', 'Cookie: limpet=1.x.2.1.0'))).toMatchObject({ rule: 'address' });
  });

  it('believes proxies that are trusted, and no others', () => {
    const { ask } = router(['proxy-protocol', 'forwarded'], { trust: 'loopback' });
    const head = Buffer.concat([proxyV2('203.0.113.7', '127.0.0.1'), Buffer.from(request('/'))]);
    expect(ask(head)).toMatchObject({ rule: 'proxy-protocol', client: '203.0.113.7' });
    expect(ask(head, '198.51.100.1')).toMatchObject({ rule: 'address', client: '198.51.100.1' });
    expect(ask(request('/'))).toMatchObject({ owner: -1, reason: 'proxy-header-missing' });
  });

  it('knows a head that is too large, and a client that says nothing', () => {
    const { ask } = router({ header: 'x-user' });
    for (const head of [`GET /${'x'.repeat(20_000)}`, request('/', `X-Long: ${'x'.repeat(20_000)}`)])
      expect(ask(head)).toMatchObject({ owner: -1, reason: 'head-too-large' });
    expect(ask('')).toMatchObject({ owner: -1, reason: 'silent' });
    expect(ask('GET / HTTP/1.1\r\nx-user: a\r\n')).toMatchObject({ rule: 'address', reason: 'home' });
    expect(router('address').ask('')).toMatchObject({ rule: 'address', reason: 'home' });
  });

  it('refuses what is neither', () => {
    const { ask } = router('cookie');
    expect(() => ask('', 'nowhere')).toThrow(/nowhere.* is no IP address/);
    expect(() => ask(7 as never)).toThrow(/got number as a head/);
  });
});
