import { expect, test, vi } from 'vitest';
import type { ConnectionSink } from '../../../src/connection.ts';
import { FdWorker } from '../../../src/handoff/fd/worker.ts';
import { WorkerInbox } from '../../../src/handoff/worker-inbox.ts';
import { FakeBinding, type FakeNativeInbox } from '../fake-binding.ts';

test('it expects connections until it stops, and again when it resumes', () => {
  const binding = new FakeBinding();
  const inbox = new WorkerInbox(binding.asBinding, { slot: 1, workerIndex: 2, channel: 4, memory: 40 });
  const native = binding.inboxes[0] as FakeNativeInbox;
  const takeDescriptor = vi.fn();
  const worker = new FdWorker(inbox, 7, { takeDescriptor } as unknown as ConnectionSink);
  expect(native.take()).toEqual(['expect(7,true)']);
  native.options.descriptors[0] = 90;
  native.options.listeners[0] = 7;
  native.deliver(1, false);
  expect(takeDescriptor).toHaveBeenCalledExactlyOnceWith(90, undefined);
  const done = vi.fn();
  worker.stop(done);
  expect(native.take()).toEqual(['stopAccepting(7,false)', 'expect(7,false)']);
  expect(done).toHaveBeenCalledOnce();
  worker.received();
  expect(native.take()).toEqual([]);
  worker.resume();
  expect(native.take()).toEqual(['expect(7,true)']);
});
