import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeEngines, moves, randomNumbers, tally } from './engines.ts';

const key = new Uint8Array(8);

describeEngines(({ SlotRing }) => {
  test('when slots go down and up in any order, only their own buckets move, and all come back', () => {
    const slots = fc.integer({ min: 1, max: 256 });
    const turns = fc.array(fc.tuple(fc.nat(255), fc.boolean()), { maxLength: 24 });
    fc.assert(
      fc.property(slots, turns, (count, orders) => {
        const ring = new SlotRing({ slots: count, key });
        const homes = ring.homeTable();
        const down = new Set<number>();
        for (const [number, isDown] of orders) {
          const slot = number % count;
          if (isDown) ring.down(slot);
          else ring.up(slot);
          if (isDown) down.add(slot);
          else down.delete(slot);
        }
        expect(moves(homes, ring.ownerTable()).every(({ from }) => down.has(from))).toBe(true);
        if (down.size < count) expect(ring.ownerTable().some((owner) => down.has(owner))).toBe(false);

        const sameSet = new SlotRing({ slots: count, key });
        for (const slot of [...down].sort()) sameSet.down(slot);
        expect(sameSet.ownerTable()).toEqual(ring.ownerTable());

        for (const slot of [...down].reverse()) ring.up(slot);
        expect(ring.ownerTable()).toEqual(homes);
      }),
      { numRuns: 60 },
    );
  });

  test('when one more slot goes down, only the buckets that it served move', () => {
    const random = randomNumbers(7);
    for (const slots of [2, 3, 8, 16, 100, 256]) {
      const ring = new SlotRing({ slots, key });
      while (ring.live > 1) {
        const before = ring.ownerTable();
        const slot = Math.floor(random() * slots);
        if (ring.isDown(slot)) continue;
        ring.down(slot);
        expect(moves(before, ring.ownerTable()).every(({ from }) => from === slot)).toBe(true);
        if (ring.live < slots / 2) break;
      }
    }
  });

  test('the clients of a dead slot are spread over all others', () => {
    const peaks: Record<number, number> = {};
    for (const slots of [8, 16]) {
      const ring = new SlotRing({ slots, key });
      let sum = 0;
      for (let slot = 0; slot < slots; slot++) {
        ring.down(slot);
        sum += Math.max(...tally(ring.ownerTable(), slots)) / (1024 / (slots - 1));
        ring.up(slot);
      }
      peaks[slots] = sum / slots;
    }
    expect(peaks[8]).toBeLessThan(1.03);
    expect(peaks[16]).toBeLessThan(1.055);
  });

  test('a slot of three times the weight takes three times as many buckets of a dead slot', () => {
    const ring = new SlotRing({ slots: [100, 1, 3], buckets: 65_536, key });
    ring.down(0);
    const [, light = 0, heavy = 0] = tally(ring.ownerTable(), 3);
    expect(heavy / light).toBeGreaterThan(2.9);
    expect(heavy / light).toBeLessThan(3.1);
  });

  test('the rank of a bucket is the order in which slots would serve it', () => {
    const ring = new SlotRing({ slots: 6, key });
    for (let bucket = 0; bucket < 1024; bucket += 17) {
      const order = ring.rank(bucket);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      for (const slot of order) {
        expect(ring.ownerTable()[bucket]).toBe(slot);
        expect(ring.rank(bucket)[0]).toBe(slot);
        ring.down(slot);
      }
      expect(ring.rank(bucket)).toEqual([]);
      for (const slot of order) ring.up(slot);
      expect(ring.fallbackOf(bucket)).toBe(order[1]);
    }
  });

  test('if no slot is up, no bucket has an owner', () => {
    const ring = new SlotRing({ slots: 2, key });
    ring.down(0);
    ring.down(1);
    expect(ring.slotOfAddress('203.0.113.7')).toBe(-1);
    expect(ring.slotOfKey('ada')).toBe(-1);
    expect(ring.slotOfHash(0)).toBe(-1);
    expect(ring.fallbackOf(0)).toBe(-1);
    expect(new Set(ring.ownerTable())).toEqual(new Set([0xffff]));
    expect(ring.explain('203.0.113.7')).toMatchObject({ owner: -1, reason: 'none' });
    ring.up(1);
    expect(ring.slotOfAddress('203.0.113.7')).toBe(1);
  });
});
