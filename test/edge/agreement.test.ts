import { describe, expect, test } from 'vitest';
import { CookieIssuer } from '../../src/affinity/cookie.ts';
import { headBinding } from '../../src/binding/head-binding.ts';
import { readAffinityCookie } from '../../src/binding/typescript/affinity-cookie.ts';
import { RouterAffinity } from '../../src/cluster/primary/listeners/router-affinity.ts';
import { unpackAffinity } from '../../src/cluster/protocol.ts';
import { checkRouterOptions } from '../../src/options.ts';
import { deriveKey } from '../../src/ring/secret.ts';
import { SlotRing } from '../../src/ring/slot-ring.ts';

const secret = 'the same on each of these machines';
const workers = 4;
const hour = Math.floor(Date.now() / 3_600_000);

/** The cookies that a machine of this name sets and accepts. */
function machine(node: string, itsSecret = secret) {
  const options = checkRouterOptions({ affinity: 'cookie', node, secret: itsSecret, workers });
  const ring = new SlotRing({ slots: workers, key: deriveKey(itsSecret, 'ring', 8) });
  const affinity = new RouterAffinity(options, itsSecret);
  const { cookie } = unpackAffinity(affinity.serializeSettings(ring));
  affinity.close();
  if (!cookie) throw new Error('no cookie');
  const cookieOf = (slot: number) => new CookieIssuer(cookie, slot).value(hour);
  const slotOf = (value: string) => headBinding().readAffinityCookie(value, cookie.seal, hour);
  const verify = (value: string, seal = cookie.seal) => readAffinityCookie(value, seal, hour);
  return { cookieOf, slotOf, verify, seal: cookie.seal, ring };
}

describe('machines that share a secret', () => {
  const [one, other] = [machine('one'), machine('other')];

  test('accept their own cookies and ignore the cookies of each other', () => {
    for (let slot = 0; slot < workers; slot++) {
      expect(one.slotOf(one.cookieOf(slot))).toBe(slot);
      expect(other.slotOf(one.cookieOf(slot))).toBeUndefined();
      expect(other.verify(one.cookieOf(slot))).toBeUndefined();
    }
  });

  test('differ in the sealed name of the machine only, so they could verify the cookies of each other', () => {
    const value = one.cookieOf(2);
    expect(other.verify(value, { ...other.seal, node: one.seal.node })).toBe(2);
    const renamed = value.replace(one.seal.node, other.seal.node);
    expect(other.slotOf(renamed)).toBeUndefined();
    expect(machine('one', 'another secret altogether').slotOf(value)).toBeUndefined();
  });

  test('replace the cookie of another machine with one for the worker that answers', () => {
    const { seal, cookieOf } = other;
    const issuer = new CookieIssuer({ seal, attributes: {} }, 1);
    expect(issuer.setCookie(`limpet=${one.cookieOf(3)}`, false)).toContain(cookieOf(1));
    expect(issuer.setCookie(`limpet=${cookieOf(1)}`, false)).toBeUndefined();
  });

  test('place the clients of a dead machine alike and evenly, so that no worker is overloaded', () => {
    const clients = Array.from({ length: 4096 }, (_, i) => `10.${i >> 8}.${i & 255}.7`);
    const counts = new Array<number>(workers).fill(0);
    for (const client of clients) {
      const slot = one.ring.slotOfHash(one.ring.hashOfAddress(client));
      expect(other.ring.slotOfHash(other.ring.hashOfAddress(client))).toBe(slot);
      counts[slot] = (counts[slot] as number) + 1;
    }
    expect(Math.max(...counts) / (clients.length / workers)).toBeLessThan(1.15);
  });
});
