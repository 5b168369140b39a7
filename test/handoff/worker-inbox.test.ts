import { beforeEach, describe, expect, test } from 'vitest';
import { SharedMemory } from '../../src/binding/shared-memory.ts';
import type { ConnectionSink, ProxiedClient } from '../../src/connection.ts';
import { WorkerInbox } from '../../src/handoff/worker-inbox.ts';
import { FakeBinding, type FakeNativeInbox } from './fake-binding.ts';

let binding: FakeBinding;
let inbox: WorkerInbox;
let native: FakeNativeInbox;
let taken: [sink: string, fd: number, client: ProxiedClient | undefined][];
beforeEach(() => {
  binding = new FakeBinding();
  inbox = new WorkerInbox(binding.asBinding, { slot: 2, workerIndex: 5, channel: 4, memory: 40 });
  native = binding.inboxes[0] as FakeNativeInbox;
  taken = [];
});

const sink = (name: string, then: () => void = () => {}): ConnectionSink => ({
  takeDescriptor: (fd, client) => {
    taken.push([name, fd, client]);
    then();
  },
  takeHandle: () => {},
});

/** Delivers a batch as the native inbox does. A client is 18 bytes: address and port. */
function deliver(batch: readonly (readonly [fd: number, listener: number, client?: number[]])[]): void {
  const { descriptors, listeners, peers } = native.options;
  const proxied = batch.some(([, , client]) => client !== undefined);
  for (const [i, [fd, listener, client]] of batch.entries()) {
    descriptors[i] = fd;
    listeners[i] = listener;
    if (proxied) peers.set(client ?? new Array<number>(18).fill(0), i * 18);
  }
  native.deliver(batch.length, proxied);
}
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

test('the inherited descriptors become close-on-exec, and the arrays have room for 16 connections', () => {
  expect(binding.take()).toEqual(['closeOnExec(4)', 'closeOnExec(40)']);
  expect(native.options).toEqual({
    sharedMemory: 40,
    workerIndex: 5,
    slot: 2,
    descriptors: new Int32Array(16),
    listeners: new Uint8Array(16),
    peers: new Uint8Array(288),
  });
});

test('the channel is received once, and then every open listener is expected', () => {
  inbox.open(7, sink('a'));
  inbox.open(8, sink('b'));
  inbox.open(9, sink('c'));
  inbox.close(8);
  native.take();
  inbox.receive();
  inbox.receive();
  expect(native.take()).toEqual(['receive(4)', 'expect(7,true)', 'expect(9,true)']);
});

test('opening, accepting and closing a listener reach the native inbox', () => {
  inbox.open(7, sink('a'));
  inbox.accept(7, 90);
  inbox.stopAccepting(7);
  inbox.stopAccepting(7, true);
  inbox.close(7);
  expect(native.take()).toEqual([
    'expect(7,true)',
    'accept(7,90)',
    'stopAccepting(7,false)',
    'stopAccepting(7,true)',
    'stopAccepting(7,false)',
    'expect(7,false)',
  ]);
});

describe('a connection', () => {
  test('goes to the sink of its listener', () => {
    inbox.open(7, sink('a'));
    inbox.open(8, sink('b'));
    deliver([[90, 8]]);
    deliver([[91, 7]]);
    expect(taken).toEqual([
      ['b', 90, undefined],
      ['a', 91, undefined],
    ]);
  });

  test('goes to the sink that was opened last', () => {
    inbox.open(7, sink('old'));
    inbox.open(7, sink('new'));
    deliver([[90, 7]]);
    expect(taken).toEqual([['new', 90, undefined]]);
  });

  test('of a listener without a sink is closed', () => {
    binding.take();
    deliver([[90, 7]]);
    expect([taken, binding.take()]).toEqual([[], ['close(90)']]);
  });

  test('that is late still goes to the sink after the listener was closed', () => {
    inbox.open(7, sink('a'));
    inbox.close(7);
    deliver([[90, 7]]);
    expect(taken).toEqual([['a', 90, undefined]]);
  });

  test('has the client of its PROXY header, if there was one', () => {
    inbox.open(7, sink('a'));
    deliver([[90, 7, [...mapped, 203, 0, 113, 7, 0x1f, 0x90]]]);
    deliver([
      [91, 7, [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 80]],
      [92, 7],
      [93, 7, [...mapped, 203, 0, 113, 8, 0, 1]],
    ]);
    expect(taken).toEqual([
      ['a', 90, { address: '203.0.113.7', family: 'IPv4', port: 8080 }],
      ['a', 91, { address: '2001:db8::7', family: 'IPv6', port: 80 }],
      ['a', 92, undefined],
      ['a', 93, { address: '203.0.113.8', family: 'IPv4', port: 1 }],
    ]);
  });
});

test('a batch is delivered in order, even if a sink overwrites the arrays', () => {
  const { descriptors, listeners } = native.options;
  inbox.open(
    7,
    sink('a', () => descriptors.fill(0)),
  );
  inbox.open(
    8,
    sink('b', () => listeners.fill(0)),
  );
  deliver([
    [90, 7],
    [91, 8],
    [92, 9],
    [93, 7],
  ]);
  expect(taken).toEqual([
    ['a', 90, undefined],
    ['b', 91, undefined],
    ['a', 93, undefined],
  ]);
  expect(binding.take().at(-1)).toBe('close(92)');
});

test('closed connections are counted in the cells of this worker', () => {
  inbox.countClosed();
  inbox.countClosed();
  const memory = SharedMemory.map(binding.asBinding, 40);
  expect([memory.worker(5).closed, memory.worker(4).closed, memory.worker(5).accepted]).toEqual([2, 0, 0]);
});
