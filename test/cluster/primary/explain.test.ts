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
  it('names the rule, the key, the bucket and the slots', () => {
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

  it('names the fallback of a slot that is down, or says that no slot is up', () => {
    const { ring, ask } = router({ header: 'x-user' });
    const { home } = ask(request('/', 'x-user: ada'));
    ring.down(home);
    const fallback = ask(request('/', 'x-user: ada'));
    expect(fallback).toMatchObject({ home, reason: 'fallback', owner: ring.slotOfKey('ada') });
    for (const slot of [0, 1, 2, 3]) ring.down(slot);
    expect(ask(request('/', 'x-user: ada'))).toMatchObject({ home, owner: -1, reason: 'none' });
  });

  it('knows the slot that a cookie carries, and the fallback while that slot is down', () => {
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

  it('ignores the slot of a cookie that the ring does not have, and goes on with the next rule', () => {
    const { rules, ring, ask } = router(['cookie', { header: 'x-user' }]);
    const cookie = (slot: number) => {
      const issuer = new CookieIssuer(rules.cookie as NonNullable<typeof rules.cookie>, slot);
      return `Cookie: ${issuer.setCookie(undefined, false)?.split(';')[0]}`;
    };
    expect(ask(request('/', cookie(7), 'x-user: ada'))).toEqual({
      rule: 'cookie',
      key: 'ada',
      client: 'ada',
      hash: ring.hashOfKey('ada'),
      bucket: ring.hashOfKey('ada') >>> 22,
      home: 7,
      owner: ring.slotOfKey('ada'),
      reason: 'fallback',
    });
    expect(ask(request('/', cookie(3), 'x-user: ada'))).toEqual({
      rule: 'cookie',
      key: 'slot 3',
      client: 'slot 3',
      hash: -1,
      bucket: -1,
      home: 3,
      owner: 3,
      reason: 'carried',
    });
  });

  it('takes a text for its Latin-1 bytes, and an address without its zone', () => {
    const { ring, ask } = router({ header: 'x-user' });
    const head = request('/', 'x-user: b\u00e4r');
    expect(ask(head)).toEqual(ask(Buffer.from(head, 'latin1')));
    expect(ask(head).client).toBe('b\u00e4r');
    expect(ask(request('/'), 'fe80::1%eth0')).toMatchObject({
      client: 'fe80::1',
      owner: ring.slotOfAddress('fe80::1'),
    });
  });

  it('gives no numbers for a connection that would be closed', () => {
    const { ask } = router({ header: 'x-user' });
    expect(ask('')).toEqual({
      rule: 'none',
      key: '',
      client: '',
      hash: -1,
      bucket: -1,
      home: -1,
      owner: -1,
      reason: 'silent',
    });
  });

  it('believes trusted proxies only', () => {
    const { ask } = router(['proxy-protocol', 'forwarded'], { trust: 'loopback' });
    const head = Buffer.concat([proxyV2('203.0.113.7', '127.0.0.1'), Buffer.from(request('/'))]);
    expect(ask(head)).toMatchObject({ rule: 'proxy-protocol', client: '203.0.113.7' });
    expect(ask(head, '198.51.100.1')).toMatchObject({ rule: 'address', client: '198.51.100.1' });
    expect(ask(request('/'))).toMatchObject({ owner: -1, reason: 'proxy-header-missing' });
  });

  it('knows a head that is too large, and a client that sends nothing', () => {
    const { ask } = router({ header: 'x-user' });
    for (const head of [`GET /${'x'.repeat(20_000)}`, request('/', `X-Long: ${'x'.repeat(20_000)}`)])
      expect(ask(head)).toMatchObject({ owner: -1, reason: 'head-too-large' });
    expect(ask('')).toMatchObject({ owner: -1, reason: 'silent' });
    expect(ask('GET / HTTP/1.1\r\nx-user: a\r\n')).toMatchObject({ rule: 'address', reason: 'home' });
    expect(router('address').ask('')).toMatchObject({ rule: 'address', reason: 'home' });
  });

  it('refuses a bad address, and a head that is neither text nor bytes', () => {
    const { ask } = router('cookie');
    expect(() => ask('', 'nowhere')).toThrow(/nowhere.* is no IP address/);
    for (const [head, got] of [
      [7, 'number'],
      [null, 'null'],
      [{}, 'object'],
    ]) {
      expect(() => ask(head as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_LIMPET_OPTION',
          message: `explain() got ${got} as a head, expected text or bytes. Give an address, or { head, address }.`,
          facts: { option: 'head' },
        }),
      );
    }
    expect(() => ask('', 7 as never)).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_ADDRESS' }));
  });
});
