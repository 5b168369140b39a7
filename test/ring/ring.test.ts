import { expect, test } from 'vitest';
import type { RingNode } from '../../src/ring/ring.ts';
import { bytesUpTo, describeEngines, randomNumbers } from './engines.ts';

const key = bytesUpTo(8);
const keys = Array.from({ length: 5000 }, (_, i) => `user:${i}`);
const refused = (message: RegExp, code = 'ERR_LIMPET_RING'): object =>
  expect.objectContaining({ name: 'LimpetError', code, message: expect.stringMatching(message) });

describeEngines(({ Ring, SlotRing }) => {
  const nodesOf = (ring: InstanceType<typeof Ring>): string[] => keys.map((name) => ring.lookup(name));

  test('a text stands for its UTF-8 bytes', () => {
    const ring = new Ring(['a', 'b', 'c', 'd', 'e', 'f', 'g'], { key });
    const random = randomNumbers(3);
    const alphabet = ['a', 'é', '€', '😀', '\ud800', '\0', '\u007f', '\u0080'];
    for (const size of [0, 1, 2, 7, 8, 100, 127, 128, 129, 5000]) {
      for (let round = 0; round < 20; round++) {
        const text = Array.from(
          { length: size },
          () => alphabet[Math.floor(random() * (round % 9))] ?? 'x',
        ).join('');
        expect(ring.lookup(text)).toBe(ring.lookup(new TextEncoder().encode(text)));
        expect(ring.lookup(text)).toBe(ring.lookup(Buffer.from(text)));
      }
    }
  });

  test('lookupAddress and lookupMany agree with the slot ring, for IPv4 and IPv6', () => {
    const ring = new Ring(['a', 'b', 'c'], { key, buckets: 4096, ipv6Prefix: 48 });
    const slots = new SlotRing({ slots: 3, key, buckets: 4096, ipv6Prefix: 48 });
    const random = randomNumbers(9);
    const quads = Uint32Array.from({ length: 1000 }, () => random() * 2 ** 32);
    const texts = Array.from(quads, (quad) =>
      [24, 16, 8, 0].map((shift) => (quad >>> shift) & 255).join('.'),
    );
    const indexes = ring.lookupMany(quads);
    expect(Array.from(indexes, (index) => ring.nodes[index])).toEqual(
      texts.map((text) => ring.lookupAddress(text)),
    );
    expect([...indexes]).toEqual(texts.map((text) => slots.slotOfAddress(text)));

    const bytes = Uint8Array.from({ length: 16_000 }, (_, i) =>
      i % 48 < 10 ? 0 : i % 48 < 12 ? 255 : random() * 256,
    );
    const inText = (at: number): string =>
      Array.from({ length: 8 }, (_, i) =>
        Buffer.from(bytes)
          .readUInt16BE(at + 2 * i)
          .toString(16),
      ).join(':');
    expect([...ring.lookupMany(bytes)]).toEqual(
      Array.from({ length: 1000 }, (_, i) => slots.slotOfAddress(inText(16 * i))),
    );
  });

  test('lookupMany writes only to the elements of `out` that it needs', () => {
    const ring = new Ring(['a', 'b'], { key });
    const out = new Uint16Array(5).fill(77);
    const answers = ring.lookupMany(Uint32Array.of(1, 2, 3), out);
    expect(answers).toBe(out);
    expect([...out.subarray(3)]).toEqual([77, 77]);
    expect([...out.subarray(0, 3)]).toEqual([...ring.lookupMany(Uint32Array.of(1, 2, 3))]);
    const shifted = new Uint16Array(new ArrayBuffer(16), 4, 3);
    ring.lookupMany(new Uint32Array(Uint32Array.of(9, 1, 2, 3).buffer, 4), shifted);
    expect([...shifted]).toEqual([...out.subarray(0, 3)]);
    expect(ring.lookupMany(new Uint32Array(0))).toHaveLength(0);
  });

  test('an added node takes only its share, and removing it restores the ring', () => {
    const ring = new Ring(['a', 'b', { name: 'c', weight: 2 }], { key });
    const before = nodesOf(ring);
    ring.add({ name: 'd', weight: 2 });
    const after = nodesOf(ring);
    const moved = after.filter((node, i) => node !== before[i]);
    expect(new Set(moved)).toEqual(new Set(['d']));
    expect(moved.length / keys.length).toBeCloseTo(2 / 6, 1);
    expect(after).toEqual(
      nodesOf(new Ring(['a', 'b', { name: 'c', weight: 2 }, { name: 'd', weight: 2 }], { key })),
    );
    ring.remove('d');
    expect(nodesOf(ring)).toEqual(before);
    expect(ring.nodes).toEqual(['a', 'b', 'c']);
  });

  test('a removed node moves only its own keys, evenly to all others', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    for (const name of names) {
      const ring = new Ring(names, { key });
      const before = nodesOf(ring);
      ring.remove(name);
      const after = nodesOf(ring);
      expect(after.every((node, i) => (before[i] === name ? node !== name : node === before[i]))).toBe(true);
      for (const rest of names.filter((other) => other !== name)) {
        expect(after.filter((node) => node === rest).length / keys.length).toBeCloseTo(1 / 7, 1);
      }
    }
  });

  test('nodes keep their indexes, and the next node takes the empty one', () => {
    const ring = new Ring(['a', 'b', 'c', 'd'], { key });
    ring.remove('b');
    expect(ring.nodes).toEqual(['a', null, 'c', 'd']);
    expect(ring.lookupMany(Uint32Array.from({ length: 999 }, (_, i) => i)).includes(1)).toBe(false);
    expect(() => ring.lookup('x') && ring.down('b')).toThrow(
      refused(/no node "b"; expected one of "a", "c", "d"/),
    );
    const before = nodesOf(ring);
    ring.add('e');
    expect(ring.nodes).toEqual(['a', 'e', 'c', 'd']);
    expect(nodesOf(ring).every((node, i) => node === 'e' || node === before[i])).toBe(true);
    ring.down('e');
    expect(nodesOf(ring).includes('e')).toBe(false);
    ring.remove('e');
    ring.add('e');
    expect(ring.isDown('e')).toBe(false);
  });

  test('the same nodes and the same calls make the same ring', () => {
    const make = (): string[] => {
      const ring = new Ring(['a', 'b', 'c', 'd', 'e'], { key });
      ring.remove('b');
      ring.add({ name: 'f', weight: 3 });
      ring.remove('d');
      ring.remove('a');
      ring.add('g');
      return nodesOf(ring);
    };
    expect(make()).toEqual(make());
  });

  test('a node that goes down loses only its own keys and gets them back', () => {
    const ring = new Ring(['a', 'b', 'c', 'd'], { key });
    const before = nodesOf(ring);
    ring.down('b');
    ring.down('b');
    expect(ring.isDown('b')).toBe(true);
    expect(nodesOf(ring).every((node, i) => (before[i] === 'b' ? node !== 'b' : node === before[i]))).toBe(
      true,
    );
    ring.up('b');
    ring.up('b');
    expect(nodesOf(ring)).toEqual(before);
    for (const name of ['a', 'b', 'c', 'd']) ring.down(name);
    const address = '203.0.113.7';
    expect(() => ring.lookup('x')).toThrow(refused(/every node is down/));
    expect(() => ring.lookupAddress(address)).toThrow(refused(/every node is down/));
    expect(() => ring.lookupMany(Uint32Array.of(1))).toThrow(refused(/every node is down/));
    expect(ring.explain(address)).toMatchObject({ owner: null, reason: 'none' });
    ring.up('c');
    expect(ring.explain(address)).toMatchObject({ owner: 'c' });
  });

  test('explain returns the names of the nodes', () => {
    const ring = new Ring(['a', 'b', 'c'], { key });
    const { home, owner, reason, key: client } = ring.explain('203.0.113.7');
    expect([owner, reason, client]).toEqual([home, 'home', '0000ffffcb007107']);
    ring.down(home);
    expect(ring.explain('203.0.113.7')).toMatchObject({ home, reason: 'fallback' });
    expect(ring.explain('203.0.113.7').owner).toBe(ring.lookupAddress('203.0.113.7'));
  });

  test('a ring may have one node or a thousand', () => {
    expect(new Set(nodesOf(new Ring(['only'])))).toEqual(new Set(['only']));
    const many = new Ring(
      Array.from({ length: 1000 }, (_, i) => `node-${i}`),
      { buckets: 4096 },
    );
    expect(new Set(nodesOf(many)).size).toBeGreaterThan(900);
  });

  test('rings without a key agree, rings with different keys do not', () => {
    expect(nodesOf(new Ring(['a', 'b', 'c']))).toEqual(
      nodesOf(new Ring(['a', 'b', 'c'], { key: new Uint8Array(8) })),
    );
    expect(nodesOf(new Ring(['a', 'b', 'c']))).not.toEqual(nodesOf(new Ring(['a', 'b', 'c'], { key })));
  });

  test('invalid nodes and options are refused, and the error says what was expected', () => {
    const make =
      (nodes: unknown, options?: object): (() => unknown) =>
      () =>
        new Ring(nodes as RingNode[], options);
    const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);
    expect(make([])).toThrow(refused(/0 members; expected 1 to/));
    expect(make(undefined)).toThrow(refused(/expected an array/));
    expect(make(['a', 'b', 'a'])).toThrow(refused(/two nodes "a"/));
    expect(make([''])).toThrow(refused(/name is ""/));
    expect(make([7])).toThrow(refused(/name is 7/));
    expect(make([null])).toThrow(refused(/name is null/));
    expect(make([{ weight: 2 }])).toThrow(refused(/name is undefined/));
    expect(make([{ name: 'a', weight: 0 }])).toThrow(refused(/weight is 0.*do not list it/));
    for (const weight of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e-7, 1e7, '2', null]) {
      expect(make([{ name: 'a', weight }])).toThrow(refused(/a weight is .*expected a number from/));
    }
    for (const buckets of [0, 32, 63, 100, 1000, 131_072, 64.5, Number.NaN, '64']) {
      expect(make(['a'], { buckets })).toThrow(refused(/buckets is .*expected a power of two/));
    }
    expect(make(many(65), { buckets: 64 })).toThrow(refused(/65 members share 64 buckets.*raise buckets/));
    expect(make(many(64), { buckets: 64 })).not.toThrow();
    expect(make(['a'], { key: new Uint8Array(9) })).toThrow(refused(/9 bytes; expected a Uint8Array of 8/));
    expect(make(['a'], { ipv6Prefix: 63 })).toThrow(refused(/ipv6Prefix is 63/));
    expect(make(['a'], { bucket: 64 })).toThrow(refused(/Did you mean buckets/, 'ERR_LIMPET_OPTION'));
  });

  test('a call that fails changes nothing', () => {
    const ring = new Ring(['a', 'b'], { key, buckets: 64 });
    const before = nodesOf(ring);
    expect(() => ring.add('a')).toThrow(refused(/two nodes "a"/));
    expect(() => ring.add({ name: 'c', weight: 0 })).toThrow(refused(/weight is 0/));
    expect(() => ring.remove('c')).toThrow(refused(/no node "c"/));
    expect(() => ring.lookupAddress('203.0.113')).toThrow(refused(/no IP address/, 'ERR_LIMPET_ADDRESS'));
    expect(() => ring.explain('[::1]')).toThrow(refused(/no IP address/, 'ERR_LIMPET_ADDRESS'));
    expect(() => ring.lookup(5 as never)).toThrow(refused(/key is 5/));
    expect(() => ring.lookupMany([1] as never)).toThrow(refused(/Array; expected a Uint32Array/));
    expect(() => ring.lookupMany(new Uint8Array(17))).toThrow(refused(/17 bytes/));
    expect(() => ring.lookupMany(new Uint32Array(2), new Uint16Array(1))).toThrow(refused(/of 1; expected/));
    expect(() => ring.lookupMany(new Uint32Array(1), new Uint8Array(4) as never)).toThrow(
      refused(/Uint8Array of 4/),
    );
    expect(nodesOf(ring)).toEqual(before);
    ring.remove('a');
    expect(() => ring.remove('b')).toThrow(refused(/only member/));
    for (let i = 0; i < 63; i++) ring.add(`n${i}`);
    expect(() => ring.add('one too many')).toThrow(refused(/65 members share 64 buckets/));
    expect(ring.nodes).toHaveLength(64);
  });
});
