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

/** What a machine of this name would give out and take. */
function machine(node: string, itsSecret = secret) {
  const options = checkRouterOptions({ affinity: 'cookie', node, secret: itsSecret, workers });
  const ring = new SlotRing({ slots: workers, key: deriveKey(itsSecret, 'ring', 8) });
  const affinity = new RouterAffinity(options, itsSecret);
  const { cookie } = unpackAffinity(affinity.serializeSettings(ring));
  affinity.close();
  if (!cookie) throw new Error('no cookie');
  const give = (slot: number) => new CookieIssuer(cookie, slot).value(hour);
  const take = (value: string) => headBinding().readAffinityCookie(value, cookie.seal, hour);
  const verify = (value: string, seal = cookie.seal) => readAffinityCookie(value, seal, hour);
  return { give, take, verify, seal: cookie.seal, ring };
}

describe('machines that share a secret', () => {
  const [one, other] = [machine('one'), machine('other')];

  test('take their own cookies, and say of each other’s that they are not theirs', () => {
    for (let slot = 0; slot < workers; slot++) {
      expect(one.take(one.give(slot))).toBe(slot);
      expect(other.take(one.give(slot))).toBeUndefined();
      expect(other.verify(one.give(slot))).toBeUndefined();
    }
  });

  test('can verify each other’s: it is the name alone that differs, and the name is sealed too', () => {
    const value = one.give(2);
    expect(other.verify(value, { ...other.seal, node: one.seal.node })).toBe(2);
    const renamed = value.replace(one.seal.node, other.seal.node);
    expect(other.take(renamed)).toBeUndefined();
    expect(machine('one', 'another secret altogether').take(value)).toBeUndefined();
  });

  test('give an answering worker’s cookie to whoever brings another machine’s', () => {
    const { seal, give } = other;
    const issuer = new CookieIssuer({ seal, attributes: {} }, 1);
    expect(issuer.setCookie(`limpet=${one.give(3)}`, false)).toContain(give(1));
    expect(issuer.setCookie(`limpet=${give(1)}`, false)).toBeUndefined();
  });

  test('place the clients of one that is gone alike, and evenly: no worker is stormed', () => {
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
