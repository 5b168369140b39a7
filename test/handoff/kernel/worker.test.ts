import { beforeEach, expect, test } from 'vitest';
import type { ConnectionSink, RawHandle } from '../../../src/connection.ts';
import type { HandoffMessage } from '../../../src/handoff/contract.ts';
import { KernelWorker } from '../../../src/handoff/kernel/worker.ts';
import { WorkerInbox } from '../../../src/handoff/worker-inbox.ts';
import { FakeBinding, type FakeNativeInbox } from '../fake-binding.ts';

let native: FakeNativeInbox;
let worker: KernelWorker;
let sent: HandoffMessage[];
let closed: number[];
beforeEach(() => {
  const binding = new FakeBinding();
  const inbox = new WorkerInbox(binding.asBinding, { slot: 1, workerIndex: 2, channel: 4, memory: 40 });
  native = binding.inboxes[0] as FakeNativeInbox;
  sent = [];
  closed = [];
  worker = new KernelWorker(inbox, 7, {} as ConnectionSink, (message) => void sent.push(message));
});

const handle = { fd: 90, close: () => void closed.push(90) } as unknown as RawHandle;

test('it expects connections from the start', () => {
  expect(native.take()).toEqual(['expect(7,true)']);
});

test('it accepts from the socket that it gets, and closes the handle', () => {
  native.take();
  worker.received({ accept: true }, handle);
  expect([native.take(), closed]).toEqual([['accept(7,90)'], [90]]);
  worker.received({ accept: true });
  expect(native.take()).toEqual([]);
});

test('it stops accepting when others serve its slot', () => {
  native.take();
  worker.received({ pause: true });
  expect([native.take(), sent]).toEqual([['stopAccepting(7,false)'], []]);
});

test('at close it accepts what waits, and answers', () => {
  native.take();
  worker.received({ close: true });
  expect([native.take(), sent]).toEqual([['stopAccepting(7,true)'], [{ closed: true }]]);
});

test('once stopped, it closes a late handle without accepting from it, until it resumes', () => {
  let done = 0;
  native.take();
  worker.stop(() => {
    done += 1;
  });
  expect([native.take(), done]).toEqual([['stopAccepting(7,false)', 'expect(7,false)'], 1]);
  worker.received({ accept: true }, handle);
  expect([native.take(), closed]).toEqual([[], [90]]);
  worker.resume();
  worker.received({ accept: true }, handle);
  expect(native.take()).toEqual(['expect(7,true)', 'accept(7,90)']);
});

test('an unknown message is ignored', () => {
  native.take();
  worker.received({});
  expect([native.take(), sent]).toEqual([[], []]);
});
