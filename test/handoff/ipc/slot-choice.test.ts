import { beforeEach, describe, expect, it, onTestFinished, test, vi } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import { BusiestClient } from '../../../src/handoff/busiest-client.ts';
import type { Placement } from '../../../src/handoff/ipc/pending-heads.ts';
import { SlotChoice, type SlotChoiceSettings } from '../../../src/handoff/ipc/slot-choice.ts';
import type { DirectPorts } from '../../../src/handoff/listen-address.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';

let ring: SlotRing;
let busiest: BusiestClient;
let loads: number[];
beforeEach(() => {
  ring = new SlotRing({ slots: 4, key: Buffer.from('limpets!') });
  busiest = new BusiestClient();
  loads = [0, 0, 0, 0];
});

const choiceWith = (settings: Partial<SlotChoiceSettings> = {}): SlotChoice =>
  new SlotChoice(ring, { busiest, newClients: 'ring', maxLoad: 0, ...settings }, () => loads);

function handleFrom(address: string | undefined, status = 0): RawHandle {
  const getpeername = (out: { address?: string }) => {
    if (address !== undefined) out.address = address;
    return status;
  };
  return { getpeername } as unknown as RawHandle;
}

const text = (value: string, more: Partial<Placement> = {}): Placement => ({
  slot: undefined,
  key: Buffer.from(value),
  byAddress: false,
  unknown: false,
  client: undefined,
  read: Buffer.alloc(0),
  ...more,
});
const address = (last: number, more: Partial<Placement> = {}): Placement =>
  text('', {
    key: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, last),
    byAddress: true,
    unknown: true,
    ...more,
  });

test('a connection by a direct port is pinned to the slot, and each slot has another hash', () => {
  const choice = choiceWith();
  expect([0, 1, 2].map((slot) => choice.byPort(slot))).toEqual([
    { hash: 0, pinned: 0 },
    { hash: 0x9e3779b1, pinned: 1 },
    { hash: 0x3c6ef362, pinned: 2 },
  ]);
  expect(busiest.seen).toBe(0);
});

describe('by the peer', () => {
  test('the hash is that of the address, and the client is counted', () => {
    const choice = choiceWith();
    for (const peer of ['203.0.113.7', '2001:db8::7']) {
      expect(choice.byPeer(handleFrom(peer))).toEqual({ hash: ring.hashOfAddress(peer), pinned: undefined });
    }
    expect(busiest.seen).toBe(2);
  });

  test.each([
    ['the peer is a unix socket', handleFrom('')],
    ['the connection was reset', handleFrom('203.0.113.7', -107)],
    ['the handle has no peer', {} as RawHandle],
    ['the peer has no address', handleFrom(undefined)],
  ])('connections without an address are spread: %s', (_, handle) => {
    const choice = choiceWith();
    choice.byPeer(handleFrom('203.0.113.9'));
    expect([1, 2, 3].map(() => choice.byPeer(handle).hash)).toEqual([0x9e3779b1, 0x3c6ef362, 0xdaa66d13]);
    expect(busiest.seen).toBe(4);
  });
});

describe('by the head', () => {
  test('a text and an address have the hash that the ring gives them', () => {
    const choice = choiceWith();
    expect(choice.byPlacement(text('ada'))).toEqual({ hash: ring.hashOfKey('ada'), pinned: undefined });
    expect(choice.byPlacement(address(7))).toEqual({
      hash: ring.hashOfAddress('203.0.113.7'),
      pinned: undefined,
    });
  });

  test('a text of zeros is a key, an address of zeros is a unix peer', () => {
    const choice = choiceWith();
    const zeros = new Uint8Array(16);
    expect(choice.byPlacement(text('', { key: zeros, unknown: true })).hash).toBe(ring.hashOfKey(zeros));
    expect(busiest.seen).toBe(1);
    expect(choice.byPlacement(address(0, { key: zeros })).hash).toBe(0x9e3779b1);
    expect(choice.byPlacement(address(0, { key: zeros })).hash).toBe(0x3c6ef362);
    expect(busiest.seen).toBe(1);
  });

  test('only clients that no rule knew are counted', () => {
    const choice = choiceWith();
    choice.byPlacement(text('ada'));
    choice.byPlacement(address(7, { unknown: false }));
    expect(busiest.seen).toBe(0);
    choice.byPlacement(address(7));
    expect(busiest).toMatchObject({ seen: 1, count: 1 });
  });

  test('the slot that the client brought is pinned while it is up', () => {
    const choice = choiceWith();
    expect(choice.byPlacement(text('ada', { slot: 3 })).pinned).toBe(3);
    expect(choice.byPlacement(text('ada', { slot: 0 })).pinned).toBe(0);
    ring.down(3);
    expect(choice.byPlacement(text('ada', { slot: 3 })).pinned).toBeUndefined();
    expect(choice.byPlacement(text('ada', { slot: 4 })).pinned).toBeUndefined();
  });

  test('the slot that the client brought has precedence over maxLoad, and another bound slot does not', () => {
    loads = [90, 90, 90, 0];
    const choice = choiceWith({ maxLoad: 1.25 });
    expect(choice.byPlacement(text('ada', { slot: 1 })).pinned).toBe(1);
    ring.down(1);
    loads = [90, Number.POSITIVE_INFINITY, 90, 0];
    expect(choice.byPlacement(text('ada', { slot: 1 })).pinned).toBe(
      ring.slotOfKey('ada') === 3 ? undefined : 3,
    );
  });
});

describe('new clients', () => {
  const slots = (choice: SlotChoice, count: number) =>
    Array.from({ length: count }, (_, i) => choice.byPlacement(address(i + 1)).pinned);

  test('by the ring are not pinned', () => {
    expect(slots(choiceWith(), 4)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('by least-connections go to the slot with the fewest', () => {
    loads = [3, 2, 1, 2];
    const choice = choiceWith({ newClients: 'least-connections' });
    expect(slots(choice, 3)).toEqual([2, 2, 2]);
    loads = [Number.POSITIVE_INFINITY, 9, 10, Number.POSITIVE_INFINITY];
    expect(slots(choice, 2)).toEqual([1, 1]);
  });

  test('by least-connections take turns among slots with equally few', () => {
    loads = [1, 5, 1, 1];
    expect(slots(choiceWith({ newClients: 'least-connections' }), 4)).toEqual([2, 2, 3, 0]);
  });

  test('by round-robin take turns among the slots that are up', () => {
    const choice = choiceWith({ newClients: 'round-robin' });
    loads = [9, 0, 5, 0];
    expect(slots(choice, 5)).toEqual([1, 2, 3, 0, 1]);
    loads = [9, Number.POSITIVE_INFINITY, 5, 0];
    expect(slots(choice, 3)).toEqual([0, 2, 3]);
  });

  test('by random go to any slot that is up', () => {
    const random = vi.spyOn(Math, 'random');
    onTestFinished(() => void random.mockRestore());
    const choice = choiceWith({ newClients: 'random' });
    loads = [0, Number.POSITIVE_INFINITY, 0, 9];
    for (const [number, slot] of [
      [0, 0],
      [0.34, 2],
      [0.67, 3],
      [0.999, 3],
    ] as const) {
      random.mockReturnValue(number);
      expect(slots(choice, 1)).toEqual([slot]);
    }
  });

  test.each(['least-connections', 'round-robin', 'random'] as const)(
    'by %s are not pinned if no slot is up',
    (rule) => {
      loads = [0, 1, 2, 3].map(() => Number.POSITIVE_INFINITY);
      expect(slots(choiceWith({ newClients: rule }), 2)).toEqual([undefined, undefined]);
    },
  );

  test('a client that a rule knew is placed by the ring', () => {
    expect(choiceWith({ newClients: 'round-robin' }).byPlacement(text('ada')).pinned).toBeUndefined();
  });
});

describe('maxLoad', () => {
  const peer = '203.0.113.7';
  const place = (maxLoad: number) => choiceWith({ maxLoad }).byPeer(handleFrom(peer)).pinned;
  /** The slots in the order in which they would serve the client. */
  const order = () => ring.rank(ring.bucketOfHash(ring.hashOfAddress(peer)));

  /** Sets the loads of the slots in that order. */
  function load(...inOrder: number[]): void {
    for (const [i, slot] of order().entries()) loads[slot] = inOrder[i] as number;
  }

  it('keeps a client while its slot is under the bound, which includes the new connection', () => {
    // 20 connections and the new one: the bound is ceil(1.25 * 21 / 4) = 7.
    load(6, 5, 5, 4);
    expect(place(1.25)).toBeUndefined();
  });

  it('sends a client to the next slot in its order that is under the bound', () => {
    load(7, 5, 4, 4);
    expect(place(1.25)).toBe(order()[1]);
    load(9, 9, 1, 1);
    expect(place(1.25)).toBe(order()[2]);
    load(12, 12, 12, 0);
    expect(place(1.25)).toBe(order()[3]);
  });

  it('has no bound if it is 0', () => {
    load(1000, 0, 0, 0);
    expect(place(0)).toBeUndefined();
    const count = vi.fn(() => loads);
    const settings = { busiest, newClients: 'ring', maxLoad: 0 } as const;
    new SlotChoice(ring, settings, count).byPeer(handleFrom(peer));
    expect(count).not.toHaveBeenCalled();
  });

  it('leaves slots that are down out of the mean', () => {
    const [first, second, third, fourth] = order() as [number, number, number, number];
    ring.down(third);
    ring.down(fourth);
    // 10 connections and the new one in two slots: the bound is ceil(1.25 * 11 / 2) = 7.
    loads[first] = 7;
    loads[second] = 3;
    loads[third] = Number.POSITIVE_INFINITY;
    loads[fourth] = Number.POSITIVE_INFINITY;
    expect(place(1.25)).toBe(second);
    loads[first] = 6;
    loads[second] = 4;
    expect(place(1.25)).toBeUndefined();
  });

  it('does not apply while no slot is up', () => {
    for (const slot of [0, 1, 2, 3]) ring.down(slot);
    expect(place(1.25)).toBeUndefined();
  });
});

describe('owner', () => {
  const hash = 0x12345678;

  test('is the pinned slot while that is up, then the ring’s', () => {
    const choice = choiceWith();
    const owner = ring.slotOfHash(hash);
    const pinned = (owner + 1) % 4;
    expect(choice.owner({ hash })).toBe(owner);
    expect(choice.owner({ hash, pinned })).toBe(pinned);
    expect(choice.owner({ hash, pinned: 4 })).toBe(owner);
    ring.down(pinned);
    expect(choice.owner({ hash, pinned })).toBe(owner);
    ring.down(owner);
    expect(choice.owner({ hash })).toBe(ring.slotOfHash(hash));
  });

  test('is the home while no slot is up', () => {
    const choice = choiceWith();
    for (const slot of [0, 1, 2, 3]) ring.down(slot);
    expect(choice.owner({ hash })).toBe(ring.homeOfHash(hash));
  });

  test('is the pinned slot even if that is down, if direct ports have no fallback', () => {
    const ports: DirectPorts = { base: 4000, host: undefined, ipv6Only: false, backlog: 16, fallback: false };
    ring.down(2);
    const owner = ring.slotOfHash(hash);
    expect(choiceWith({ direct: ports }).owner({ hash, pinned: 2 })).toBe(2);
    expect(choiceWith({ direct: ports }).owner({ hash, pinned: 4 })).toBe(owner);
    expect(choiceWith({ direct: { ...ports, fallback: true } }).owner({ hash, pinned: 2 })).toBe(owner);
  });

  test('follows a new ring', () => {
    const choice = choiceWith();
    const one = new SlotRing({ slots: [0.001, 1000], key: Buffer.from('another!') });
    choice.updateRing(one);
    expect(choice.owner({ hash })).toBe(one.slotOfHash(hash));
    expect(choice.byPeer(handleFrom('203.0.113.7')).hash).toBe(one.hashOfAddress('203.0.113.7'));
  });
});
