import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientIdentity } from '../../../src/affinity/client-identity.ts';
import { parseAddress } from '../../../src/binding/typescript/ip-address.ts';
import type { PeerTable } from '../../../src/cluster/protocol.ts';
import { Peers, peerSocketPath } from '../../../src/cluster/worker/peers.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';

const options = { slots: 4, key: new Uint8Array(8).fill(9) };
/** The tests' worker: worker index 10 in slot 1. */
const [ownSlot, ownIndex] = [1, 10];
const listener = 2;

let peers: Peers;
/** A ring like the worker's, to find clients by. */
let ring: SlotRing;

beforeEach(() => {
  peers = new Peers('/run/l', ownSlot, ownIndex, new SlotRing(options));
  ring = new SlotRing(options);
});

/** Worker indexes by slot: the first of each is attached, the others drain. */
function table(processes: number[][], more: Partial<PeerTable> = {}): PeerTable {
  return {
    slots: processes.length,
    down: [],
    processes: processes.flatMap((indexes, slot) =>
      indexes.map((workerIndex, i) => ({ slot, workerIndex, attached: i === 0 })),
    ),
    ...more,
  };
}
const everySlot = table([[20], [ownIndex], [22], [23]]);

const identity = (facts: Partial<ClientIdentity>): ClientIdentity => ({
  slot: undefined,
  generation: undefined,
  key: undefined,
  byAddress: false,
  first: false,
  ...facts,
});

/** A client whose key belongs to the slot. */
function clientOf(slot: number, on: SlotRing = ring): ClientIdentity {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`client ${i}`);
    if (on.slotOfHash(on.hashOfKey(key)) === slot) return identity({ key });
  }
}

/** The worker index of the peer socket that the client's request goes to. */
function peerOf(client: ClientIdentity, direct = false): number | undefined {
  const path = peers.peerSocketOf(client, listener, direct);
  return path === undefined ? undefined : Number(/2-(\d+)\.sock$/.exec(path)?.[1]);
}

describe('peerSocketPath()', () => {
  const { platform } = process;
  afterEach(() => {
    Object.defineProperty(process, 'platform', { value: platform });
    vi.restoreAllMocks();
  });

  it('is a socket in the directory of the router', () => {
    Object.defineProperty(process, 'platform', { value: 'linux' });
    expect(peerSocketPath('/run/limpet', 3, 41)).toBe(join('/run/limpet', '3-41.sock'));
  });

  it('is a named pipe on Windows', () => {
    Object.defineProperty(process, 'platform', { value: 'win32' });
    expect(peerSocketPath('limpet-1', 3, 41)).toBe('\\\\.\\pipe\\limpet-1-3-41');
  });
});

describe('a client with a key', () => {
  it('belongs to the process of its slot on the ring', () => {
    peers.update(everySlot);
    expect([0, 1, 2, 3].map((slot) => peerOf(clientOf(slot)))).toEqual([20, undefined, 22, 23]);
    expect(peers.peerSocketOf(clientOf(2), 7, false)).toBe(join('/run/l', '7-22.sock'));
  });

  it('is found by its address if the key is one', () => {
    peers.update(everySlot);
    for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8:1::', '203.0.113.9']) {
      const key = parseAddress(address) as Uint8Array;
      const slot = ring.slotOfAddress(address);
      const expected = slot === ownSlot ? undefined : 20 + slot;
      expect(peerOf(identity({ key, byAddress: true })), address).toBe(expected);
    }
  });

  it('stays here while no table has come', () => {
    expect(peerOf(clientOf(2))).toBeUndefined();
  });

  it('stays here if no process is attached to its slot', () => {
    peers.update(table([[20], [ownIndex], [], [23]]));
    expect(peerOf(clientOf(2))).toBeUndefined();
    const [first, ...others] = everySlot.processes;
    peers.update({
      ...everySlot,
      processes: [{ ...(first as NonNullable<typeof first>), attached: false }, ...others],
    });
    expect(peerOf(clientOf(0))).toBeUndefined();
  });

  it('goes to the fallback while its slot is down, and back when it is up', () => {
    const client = clientOf(2);
    ring.down(2);
    const fallback = ring.slotOfHash(ring.hashOfKey(client.key as Uint8Array));
    peers.update({ ...everySlot, down: [2] });
    expect(peerOf(client)).toBe(fallback === ownSlot ? undefined : 20 + fallback);
    peers.update(everySlot);
    expect(peerOf(client)).toBe(22);
  });

  it('of this slot stays here although another process of the slot is attached', () => {
    peers.update(table([[20], [24, ownIndex], [22], [23]]));
    expect(peerOf(clientOf(ownSlot))).toBeUndefined();
  });

  it('goes by the new ring when the number of slots changes', () => {
    const small = new SlotRing({ ...options, slots: 2 });
    const large = new SlotRing({ ...options, slots: 6 });
    peers.update(table([[20], [ownIndex]]));
    expect(peerOf(clientOf(0, small))).toBe(20);
    peers.update(table([[20], [ownIndex], [22], [23], [24], [25]]));
    expect([2, 5].map((slot) => peerOf(clientOf(slot, large)))).toEqual([22, 25]);
  });

  it('goes by slots that are up after the ring was resized while others were down', () => {
    peers.update({ ...everySlot, down: [3] });
    peers.update(table([[20], [ownIndex], [22], [23], [24]]));
    const large = new SlotRing({ ...options, slots: 5 });
    expect([3, 4].map((slot) => peerOf(clientOf(slot, large)))).toEqual([23, 24]);
  });
});

describe('a client with a sealed slot', () => {
  it('belongs to the process of that slot, even with the key of another', () => {
    peers.update(everySlot);
    expect(peerOf({ ...clientOf(3), slot: 2 })).toBe(22);
    expect(peerOf(identity({ slot: 0 }))).toBe(20);
    expect(peerOf({ ...clientOf(3), slot: ownSlot })).toBeUndefined();
  });

  it('goes by its key while the slot is down', () => {
    peers.update({ ...everySlot, down: [2] });
    expect(peerOf({ ...clientOf(3), slot: 2 })).toBe(23);
    expect(peerOf(identity({ slot: 2 }))).toBeUndefined();
  });

  it('goes by its key if the ring has no such slot', () => {
    peers.update(everySlot);
    expect(peerOf({ ...clientOf(3), slot: 4 })).toBe(23);
    expect(peerOf(identity({ slot: 4 }))).toBeUndefined();
  });
});

describe('a session', () => {
  it('belongs to its process, even while that drains', () => {
    peers.update(table([[20], [ownIndex], [31, 22], [23]]));
    expect(peerOf(identity({ slot: 2, generation: 22 }))).toBe(22);
    expect(peerOf(identity({ slot: 2, generation: 31 }))).toBe(31);
  });

  it('of this process stays here', () => {
    peers.update(everySlot);
    expect(peerOf(identity({ slot: ownSlot, generation: ownIndex }))).toBeUndefined();
  });

  it('of the process that this one replaced goes there', () => {
    peers.update(table([[20], [ownIndex, 21], [22], [23]]));
    expect(peerOf(identity({ slot: ownSlot, generation: 21 }))).toBe(21);
  });

  it('stays here if its process is gone, even with the key of another slot', () => {
    peers.update(everySlot);
    expect(peerOf({ ...clientOf(3), slot: 2, generation: 9 })).toBeUndefined();
  });

  it('names its process by the worker index modulo 256', () => {
    peers.update(table([[20], [ownIndex], [256 + 22], [22]]));
    expect(peerOf(identity({ slot: 2, generation: 22 }))).toBe(256 + 22);
  });
});

describe('a client that came by a direct port', () => {
  beforeEach(() => peers.update(table([[20], [ownIndex, 21], [22], [23]])));

  it('stays here, even with the key or the sealed slot of another', () => {
    for (const client of [clientOf(2), identity({ slot: 2 }), identity({ slot: ownSlot })]) {
      expect(peerOf(client, true)).toBeUndefined();
    }
  });

  it('stays here with a session of another slot', () => {
    expect(peerOf(identity({ slot: 2, generation: 22 }), true)).toBeUndefined();
  });

  it('goes to the process of this slot that has its session', () => {
    expect(peerOf(identity({ slot: ownSlot, generation: 21 }), true)).toBe(21);
  });
});

it('a client without slot and key stays here', () => {
  peers.update(everySlot);
  expect(peerOf(identity({}))).toBeUndefined();
});
