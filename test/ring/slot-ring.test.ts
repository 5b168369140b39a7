import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesUpTo, describeEngines, moves } from './engines.ts';

const key = bytesUpTo(8);

describeEngines(({ SlotRing }) => {
  test('a ring that is resized to n slots equals a new ring of n slots', () => {
    const sizes = fc.array(
      fc.oneof(
        fc.integer({ min: 1, max: 64 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 16 }),
      ),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(sizes, (path) => {
        const ring = new SlotRing({ slots: 1, key });
        for (const slots of path) ring.resize(slots);
        const fresh = new SlotRing({ slots: path.at(-1) ?? 1, key });
        expect(ring.homeTable()).toEqual(fresh.homeTable());
        expect(ring.ownerTable()).toEqual(fresh.ownerTable());
        expect(ring.shares()).toEqual(fresh.shares());
      }),
      { numRuns: 40 },
    );
  });

  test('scaling up moves buckets only to the new slots, scaling down only from the removed ones', () => {
    const ring = new SlotRing({ slots: 4, key });
    const four = ring.homeTable();
    ring.resize(7);
    const seven = ring.homeTable();
    expect(moves(four, seven).every(({ to }) => to >= 4)).toBe(true);
    ring.resize(5);
    expect(moves(seven, ring.homeTable()).every(({ from }) => from >= 5)).toBe(true);
  });

  test('a change of one weight moves at most about twice as many buckets as it must', () => {
    for (const [before, after] of [
      [
        [1, 1, 1, 1],
        [1, 2, 1, 1],
      ],
      [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [2, 1, 1, 1, 1, 1, 1, 1],
      ],
      [
        [1, 1, 1, 1, 2, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1],
      ],
    ]) {
      const ring = new SlotRing({ slots: before as number[], key });
      const was = ring.homeTable();
      const had = ring.shares();
      ring.resize(after as number[]);
      const least =
        ring.shares().reduce((sum, has, slot) => sum + Math.max(0, has - (had[slot] ?? 0)), 0) * 1024;
      expect(moves(was, ring.homeTable()).length).toBeLessThan(2.2 * least);
    }
  });

  test('when the ring is resized, a slot that is down stays down and a new slot is up', () => {
    const ring = new SlotRing({ slots: 4, key });
    ring.down(1);
    ring.down(3);
    ring.resize(3);
    expect([ring.isDown(0), ring.isDown(1), ring.isDown(2), ring.live]).toEqual([false, true, false, 2]);
    ring.resize(5);
    expect([ring.isDown(1), ring.isDown(3), ring.live]).toEqual([true, false, 4]);
    expect(ring.ownerTable().includes(1)).toBe(false);
  });

  test('explain agrees with the other methods', () => {
    const ring = new SlotRing({ slots: 8, key, buckets: 256, ipv6Prefix: 56 });
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8:1:2345:6::7', 'fe80::1%eth0']) {
      const { hash, bucket, home, owner, reason } = ring.explain(address);
      expect(hash).toBe(ring.hashOfAddress(address));
      expect(bucket).toBe(hash >>> 24);
      expect(home).toBe(ring.homeTable()[bucket]);
      expect([home, owner, reason]).toEqual([
        ring.homeOfAddress(address),
        ring.slotOfAddress(address),
        'home',
      ]);
      ring.down(home);
      const next = ring.explain(address);
      expect(next).toEqual({
        ...ring.explain(address),
        home,
        owner: ring.fallbackOf(bucket),
        reason: 'fallback',
      });
      ring.up(home);
    }
    expect(ring.explain('203.0.113.7').key).toBe('0000ffffcb007107');
    expect(ring.explain('2001:db8:1:2345:6::7').key).toBe('20010db800012300');
  });

  test('homeTable and ownerTable return copies', () => {
    const ring = new SlotRing({ slots: 8, key });
    ring.homeTable().fill(9);
    ring.ownerTable().fill(9);
    expect(ring.homeTable()).toEqual(new SlotRing({ slots: 8, key }).homeTable());
    expect(ring.ownerTable()).toEqual(ring.homeTable());
  });

  test('a ring has 1 to 256 slots, and refuses every other number', () => {
    const refused = expect.objectContaining({ code: 'ERR_LIMPET_RING' });
    for (const slots of [
      0,
      257,
      1.5,
      Number.NaN,
      [],
      [1, 0],
      [1, -1],
      [1, Number.NaN],
      [Number.POSITIVE_INFINITY],
    ]) {
      expect(() => new SlotRing({ slots, key })).toThrow(refused);
    }
    expect(new SlotRing({ slots: 256, key }).size).toBe(256);
    const ring = new SlotRing({ slots: 3, key });
    for (const slot of [3, -1, 0.5, Number.NaN]) {
      expect(() => ring.down(slot)).toThrow(refused);
      expect(() => ring.up(slot)).toThrow(refused);
      expect(() => ring.isDown(slot)).toThrow(refused);
    }
    expect(() => ring.resize(300)).toThrow(refused);
    expect(ring.size).toBe(3);
  });
});
