import slotOf from 'cluster-key-slot';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { addressOf, HashSlots } from '../../../src/session/redis/hash-slots.ts';
import type { ServerConnection } from '../../../src/session/redis/server-connection.ts';
import { settle, useFakeClock } from '../fake-clock.ts';
import { FakeCluster, FakeIoredis, replyError } from './fake-ioredis.ts';

/** Keys of the lower and of the upper half of the hash slots. */
const [low, high] = ['b', 'a'];
const half = 8192;

let cluster: FakeCluster;
let slots: HashSlots;
let ranges: [number, number, [string, number, string]][];
let states: ServerConnection[];
beforeEach(() => {
  useFakeClock();
  cluster = new FakeCluster();
  ranges = [
    [0, half - 1, ['127.0.0.1', 7001, 'one']],
    [half, 16_383, ['127.0.0.1', 7002, 'two']],
  ];
  cluster.masters = [master('one', 7001), master('two', 7002)];
  states = [];
  slots = new HashSlots(cluster, {
    track: false,
    staleMs: 40,
    probeKey: () => undefined,
    commandTimeoutMs: 1000,
    onInvalidation: () => undefined,
    onPeriod: () => undefined,
    onState: (connection) => states.push(connection),
  });
});
afterEach(() => {
  slots.close();
  vi.useRealTimers();
});

function master(id: string, port: number): FakeIoredis {
  const node = new FakeIoredis({ host: '127.0.0.1', port });
  node.answer = ([, word]) => (word === 'myid' ? id : ranges);
  return node;
}
const nth = (n: number): FakeIoredis => cluster.masters[n] as FakeIoredis;
const fakeOf = (n: number): FakeIoredis => nth(n).duplicates[0]?.connection as FakeIoredis;
async function learn(): Promise<void> {
  cluster.connect();
  await vi.advanceTimersByTimeAsync(0);
  await settle();
}
async function learnAgain(): Promise<void> {
  slots.refresh();
  await vi.advanceTimersByTimeAsync(200);
  await settle();
}
const questions = (): number => nth(0).sent.filter(([, word]) => word === 'myid').length;

test('the two keys of these tests are in different halves', () => {
  expect(slotOf(low)).toBeLessThan(half);
  expect(slotOf(high)).toBeGreaterThanOrEqual(half);
});

test('the address of a node is its host and port', () => {
  expect(addressOf(nth(0))).toBe('127.0.0.1:7001');
});

describe('the owners', () => {
  test('are not known before the Cluster is up', () => {
    expect(slots.ownerOf(low)).toBeUndefined();
    expect([...slots.connections()]).toEqual([]);
  });

  test('are learned at once when the Cluster is up, without a refresh of ioredis', async () => {
    await learn();
    const [one, two] = [...slots.connections()];
    expect(slots.ownerOf(low)).toBe(one);
    expect(slots.ownerOf(high)).toBe(two);
    expect(one).not.toBe(two);
    expect(cluster.refreshes).toBe(0);
    expect(cluster.masters.map(({ duplicates }) => duplicates.length)).toEqual([1, 1]);
  });

  test('own the first and the last hash slot of their ranges', async () => {
    const [lowSlot, highSlot] = [slotOf(low), slotOf(high)];
    ranges = [
      [lowSlot, lowSlot, ['127.0.0.1', 7001, 'one']],
      [highSlot + 1, 16_383, ['127.0.0.1', 7002, 'two']],
    ];
    await learn();
    expect(slots.ownerOf(low)).toBeDefined();
    expect(slots.ownerOf(high)).toBeUndefined();
  });

  test.each(['+node', '-node'])('are learned again at the event %j of ioredis', async (event) => {
    await learn();
    ranges = [[0, 16_383, ['127.0.0.1', 7002, 'two']]];
    cluster.emit(event);
    await vi.advanceTimersByTimeAsync(200);
    await settle();
    expect(cluster.refreshes).toBe(1);
    expect(slots.ownerOf(low)).toBe(slots.ownerOf(high));
  });

  test('keep their connections while they own a hash slot', async () => {
    await learn();
    const [one, two] = [...slots.connections()];
    ranges[0] = [0, half - 1, ['127.0.0.1', 7002, 'two']];
    ranges[1] = [half, 16_383, ['127.0.0.1', 7001, 'one']];
    await learnAgain();
    expect([slots.ownerOf(low), slots.ownerOf(high)]).toEqual([two, one]);
    expect(slots.ownerOf(low)).toBe(two);
    expect([...slots.connections()]).toEqual([one, two]);
  });

  test('that have lost their hash slots are retired', async () => {
    await learn();
    const [one] = [...slots.connections()];
    ranges = [[0, 16_383, ['127.0.0.1', 7002, 'two']]];
    await learnAgain();
    expect([...slots.connections()]).toHaveLength(1);
    expect(one?.downReason).toBe('this server holds no sessions any more');
    expect(one?.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(one?.closed).toBe(true);
  });

  test('at another address get another connection', async () => {
    await learn();
    const before = slots.ownerOf(low);
    cluster.masters[0] = master('one', 7003);
    await learnAgain();
    expect(slots.ownerOf(low)).toBeDefined();
    expect(slots.ownerOf(low)).not.toBe(before);
    expect(before?.downReason).toBe('this server holds no sessions any more');
  });

  test('that did not answer own nothing, and are asked again', async () => {
    nth(1).answer = () => {
      throw replyError('LOADING');
    };
    await learn();
    expect(slots.ownerOf(low)).toBeDefined();
    expect(slots.ownerOf(high)).toBeUndefined();
    nth(1).answer = ([, word]) => (word === 'myid' ? 'two' : ranges);
    await vi.advanceTimersByTimeAsync(200);
    await settle();
    expect(slots.ownerOf(high)).toBeDefined();
  });

  test('are asked again when no master has answered within commandTimeoutMs', async () => {
    for (const node of cluster.masters) node.answer = () => new Promise(() => undefined);
    await learn();
    expect(slots.ownerOf(low)).toBeUndefined();
    for (const node of cluster.masters) node.answer = ([, word]) => (word === 'myid' ? 'one' : ranges);
    await vi.advanceTimersByTimeAsync(999);
    expect(slots.ownerOf(low)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(5);
    await settle();
    expect(slots.ownerOf(low)).toBeDefined();
  });

  test('are asked again when there is no master', async () => {
    const { masters } = cluster;
    cluster.masters = [];
    await learn();
    cluster.masters = masters;
    await vi.advanceTimersByTimeAsync(5);
    await settle();
    expect(slots.ownerOf(low)).toBeDefined();
  });
});

describe('a refresh', () => {
  test('after the first waits 200 ms, and many in that time are one', async () => {
    await learn();
    for (let n = 0; n < 5; n++) slots.refresh();
    await vi.advanceTimersByTimeAsync(199);
    expect(questions()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await settle();
    expect(questions()).toBe(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(questions()).toBe(2);
  });

  test('comes when the connection of an owner is lost, and is reported', async () => {
    await learn();
    fakeOf(0).connect();
    states.length = 0;
    fakeOf(0).drop();
    expect(states).toEqual([slots.ownerOf(low)]);
    await vi.advanceTimersByTimeAsync(200);
    await settle();
    expect(questions()).toBe(2);
  });

  test('does not come when a connection comes up, or one without hash slots is lost', async () => {
    await learn();
    fakeOf(0).connect();
    fakeOf(1).connect();
    await vi.advanceTimersByTimeAsync(300);
    expect(questions()).toBe(1);
    ranges = [[0, 16_383, ['127.0.0.1', 7002, 'two']]];
    await learnAgain();
    expect(questions()).toBe(2);
    fakeOf(0).drop();
    await vi.advanceTimersByTimeAsync(300);
    expect(questions()).toBe(2);
  });

  test('does not keep the process alive', () => {
    const setTimeout = vi.spyOn(globalThis, 'setTimeout');
    slots.refresh();
    const timer = setTimeout.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
  });
});

describe('close', () => {
  test('closes the connections, and ends the refreshes', async () => {
    await learn();
    const connections = [...slots.connections()];
    slots.refresh();
    slots.close();
    expect(connections.map(({ closed }) => closed)).toEqual([true, true]);
    expect(vi.getTimerCount()).toBe(0);
    slots.refresh();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('during a refresh leaves no new connection', async () => {
    let answer = (_value: unknown): void => undefined;
    const held = new Promise((resolve) => {
      answer = resolve;
    });
    nth(0).answer = ([, word]) => (word === 'myid' ? 'one' : held);
    await learn();
    slots.close();
    answer(ranges);
    await settle();
    expect([...slots.connections()]).toEqual([]);
    expect(nth(0).duplicates).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
