import { beforeEach, describe, expect, test } from 'vitest';
import type { CompiledChain } from '../../../src/binding/typescript/head-calls.ts';
import type { ListenAddress } from '../../../src/connection.ts';
import { Acceptor } from '../../../src/handoff/acceptor.ts';
import { FdPrimary } from '../../../src/handoff/fd/primary.ts';
import { type InheritedSockets, ListeningSockets } from '../../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { type FakeAcceptorThread, FakeBinding, FakeWorker } from '../fake-binding.ts';

const address: ListenAddress = { port: 3000, host: '127.0.0.1', ipv6Only: false, backlog: 16 };
let binding: FakeBinding;
let ring: SlotRing;
let thread: FakeAcceptorThread;
let sockets: ListeningSockets;
let primary: FdPrimary;
beforeEach(() => {
  start();
});

function start(inherited: InheritedSockets[] = [], chain?: CompiledChain): void {
  binding = new FakeBinding();
  ring = new SlotRing({ slots: 2, key: Buffer.from('limpets!') });
  sockets = new ListeningSockets(inherited);
  const acceptor = new Acceptor(
    binding.asBinding,
    ring,
    {
      queueMax: 1,
      spreadEvenly: false,
      maxLoad: 0,
      headTimeoutMs: 1,
      pendingMax: 1,
      pendingPerAddressMax: 1,
    },
    sockets,
  );
  thread = binding.threads[0] as FakeAcceptorThread;
  primary = new FdPrimary(acceptor, { listener: 7, key: 'tcp:3000', address, chain });
}

test('open binds the address and accepts nothing yet', async () => {
  expect(await primary.open()).toMatchObject({ port: 50 });
  expect(binding.take()).toEqual(['listenExclusively({"host":"127.0.0.1","port":3000,"ipv6Only":false},16)']);
  expect(thread.take()).toEqual(['add(7,50)']);
  expect(sockets.transferable()).toEqual([{ key: 'tcp:3000', descriptors: [50], managed: false }]);
});

test('the rules are set before the socket is added', async () => {
  start([], {} as CompiledChain);
  await primary.open();
  expect(thread.take()).toEqual(['setAffinity(7)', 'add(7,50)']);
});

test('an address in use is an error', async () => {
  binding.portsInUse.add(3000);
  await expect(primary.open()).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
  expect(thread.take()).toEqual([]);
});

test('the acceptor accepts from the first worker on, also while no worker is attached', async () => {
  start([{ key: 'tcp:3000', descriptors: [61, 62], managed: false }]);
  await primary.open();
  const worker = new FakeWorker(1, 5);
  thread.take();
  primary.attach(worker);
  expect(thread.take()).toEqual(['attach(1,7,5)', 'serve(0,2)', 'serve(1,2)']);
  primary.attach(new FakeWorker(0));
  expect(thread.take()).toEqual(['attach(0,7,0)']);
  primary.detach(worker, true);
  expect(thread.take()).toEqual(['detach(1,7)']);
});

test('a changed ring goes to the thread, and messages are ignored', async () => {
  await primary.open();
  ring.down(1);
  primary.updateRing(ring);
  expect(thread.rings.at(-1)?.owners).toEqual(ring.ownerTable());
  thread.take();
  primary.received();
  expect([thread.take(), primary.queued(1)]).toEqual([[], 107]);
});

describe('close', () => {
  test('closes the socket before the acceptor’s duplicate, which accepts what waits', async () => {
    await primary.open();
    primary.attach(new FakeWorker(0));
    thread.take();
    binding.take();
    thread.unserved.set(7, 3);
    expect(await primary.close(0)).toBe(3);
    expect(binding.take()).toEqual(['close(50)']);
    expect(thread.take()).toEqual(['closeListener(7)', 'closeQueued(7)']);
    expect(sockets.transferable()).toEqual([]);
  });

  test('accepts what waits in its own socket, even if no worker was ever attached', async () => {
    await primary.open();
    thread.take();
    await primary.close(0);
    expect(thread.take()).toEqual(['closeListener(7)', 'closeQueued(7)']);
  });

  test('leaves what waits in inherited sockets to the old primary, unless a worker has served', async () => {
    const inherited = { key: 'tcp:3000', descriptors: [61, 62], managed: false };
    start([inherited]);
    await primary.open();
    thread.take();
    await primary.close(0);
    expect(thread.take()).toEqual([
      'remove(0,false)',
      'remove(1,false)',
      'closeListener(7)',
      'closeQueued(7)',
    ]);
    expect(binding.take()).toEqual(['close(61)', 'close(62)']);
    start([inherited]);
    await primary.open();
    primary.attach(new FakeWorker(0));
    thread.take();
    await primary.close(0);
    expect(thread.take()).toEqual(['closeListener(7)', 'closeQueued(7)']);
  });

  test('of a handoff that was never opened resolves', async () => {
    expect(await primary.close(0)).toBe(0);
  });
});

test('a transfer to a new primary stops accepting', async () => {
  await primary.open();
  thread.take();
  sockets.transfer();
  expect(thread.take()).toEqual(['remove(0,false)']);
});
