import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Acceptor } from '../../../src/handoff/acceptor.ts';
import { DirectPrimary } from '../../../src/handoff/direct/primary.ts';
import { type InheritedSockets, ListeningSockets } from '../../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { type FakeAcceptorThread, FakeBinding, FakeWorker, systemError } from '../fake-binding.ts';

let binding: FakeBinding;
let ring: SlotRing;
let thread: FakeAcceptorThread;
let sockets: ListeningSockets;
let primary: DirectPrimary;
beforeEach(() => {
  start();
});

function start(inherited: InheritedSockets[] = [], fallback = true): void {
  binding = new FakeBinding();
  ring = new SlotRing({ slots: 3, key: Buffer.from('limpets!') });
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
  const ports = { base: 4000, host: '127.0.0.2', ipv6Only: false, backlog: 32, fallback };
  primary = new DirectPrimary(ring, acceptor, 254, ports);
}

/** Opens the ports, attaches a worker to each slot, and forgets the calls. */
async function attachAll(): Promise<FakeWorker[]> {
  await primary.open();
  const workers = [0, 1, 2].map((slot) => new FakeWorker(slot));
  for (const worker of workers) primary.attach(worker);
  thread.take();
  binding.take();
  return workers;
}
const modes = () => thread.take().filter((call) => call.startsWith('serve'));

describe('open', () => {
  test('binds a port for each slot, whose connections are pinned to the slot', async () => {
    expect(await primary.open()).toMatchObject({ port: 50 });
    expect(binding.take()).toEqual(
      [4000, 4001, 4002].map(
        (port) => `listenExclusively({"host":"127.0.0.2","port":${port},"ipv6Only":false},32)`,
      ),
    );
    expect(thread.take()).toEqual(['add(254,50,0)', 'add(254,51,1)', 'add(254,52,2)']);
    expect(sockets.transferable()).toMatchObject([
      { key: 'direct:4000', descriptors: [50] },
      { key: 'direct:4001', descriptors: [51] },
      { key: 'direct:4002', descriptors: [52] },
    ]);
  });

  test('closes every port if one is in use', async () => {
    binding.portsInUse.add(4002);
    await expect(primary.open()).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
    expect(binding.take().slice(2)).toEqual(['close(50)', 'close(51)']);
    expect(thread.take().slice(2)).toEqual(['remove(0,true)', 'remove(1,true)']);
    expect(sockets.transferable()).toEqual([]);
  });

  test('closes the port whose address cannot be learnt', async () => {
    vi.spyOn(binding, 'boundAddress').mockImplementation(() => {
      throw systemError('getsockname', 'EBADF');
    });
    await expect(primary.open()).rejects.toThrow('EBADF');
    expect([binding.take().slice(1), sockets.transferable()]).toEqual([['close(50)'], []]);
  });
});

describe('openDirectPorts', () => {
  test('opens the missing ports and closes the surplus ones, whose connections are served', async () => {
    await primary.open();
    thread.take();
    binding.take();
    await primary.openDirectPorts(4);
    expect(thread.take()).toEqual(['add(254,53,3)']);
    await primary.openDirectPorts(2);
    expect(binding.take().slice(1)).toEqual(['close(52)', 'close(53)']);
    expect(thread.take()).toEqual(['remove(2,true)', 'remove(3,true)']);
  });

  test('that fails keeps the ports that were open', async () => {
    await primary.open();
    binding.portsInUse.add(4004);
    thread.take();
    binding.take();
    await expect(primary.openDirectPorts(5)).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
    expect(thread.take()).toEqual(['add(254,53,3)', 'remove(3,true)']);
    expect(sockets.transferable()).toHaveLength(3);
  });
});

describe('a port', () => {
  test('is served while its slot has a worker', async () => {
    await primary.open();
    thread.take();
    const worker = new FakeWorker(1, 5);
    primary.attach(worker);
    expect(thread.take()).toEqual(['attach(1,254,5)', 'serve(0,0)', 'serve(1,2)', 'serve(2,0)']);
    primary.detach(worker, true);
    expect(thread.take()).toEqual(['detach(1,254)', 'serve(0,0)', 'serve(1,0)', 'serve(2,0)']);
  });

  test('of a worker that another one has followed stays served', async () => {
    const [old] = (await attachAll()) as [FakeWorker];
    primary.attach(new FakeWorker(0, 9));
    thread.take();
    primary.detach(old, true);
    expect(thread.take()).toEqual([]);
  });

  test('of a slot that is down is served by a fallback', async () => {
    await primary.open();
    primary.attach(new FakeWorker(0));
    thread.take();
    ring.down(1);
    primary.updateRing(ring);
    expect(modes()).toEqual(['serve(0,2)', 'serve(1,2)', 'serve(2,0)']);
    expect(thread.rings.at(-1)?.owners).toEqual(ring.ownerTable());
  });

  test('of a slot that is down waits if no slot is up', async () => {
    await attachAll();
    for (const slot of [0, 1, 2]) ring.down(slot);
    primary.updateRing(ring);
    expect(modes()).toEqual(['serve(0,0)', 'serve(1,0)', 'serve(2,0)']);
  });

  test('of a slot that is down waits without a fallback, even if the slot has a worker', async () => {
    start([], false);
    await attachAll();
    ring.down(1);
    primary.updateRing(ring);
    expect(modes()).toEqual(['serve(0,2)', 'serve(1,0)', 'serve(2,2)']);
  });

  test('of a slot that the ring does not have yet is served by its worker', async () => {
    await primary.open();
    await primary.openDirectPorts(4);
    primary.attach(new FakeWorker(3));
    expect(modes()).toEqual(['serve(0,0)', 'serve(1,0)', 'serve(2,0)', 'serve(3,2)']);
  });

  test('follows a new ring', async () => {
    await attachAll();
    const other = new SlotRing({ slots: 3, key: Buffer.from('limpets!') });
    for (const slot of [0, 1, 2]) other.down(slot);
    primary.updateRing(other);
    expect(modes()).toEqual(['serve(0,0)', 'serve(1,0)', 'serve(2,0)']);
  });
});

test('messages are ignored, and the queue is the acceptor’s', async () => {
  await primary.open();
  thread.take();
  primary.received();
  expect([thread.take(), primary.queued(1)]).toEqual([[], 354]);
});

describe('close', () => {
  test('closes every port, then the acceptor’s listener', async () => {
    await attachAll();
    thread.unserved.set(254, 2);
    expect(await primary.close(0)).toBe(2);
    expect(binding.take()).toEqual(['close(50)', 'close(51)', 'close(52)']);
    expect(thread.take()).toEqual(['closeListener(254)', 'closeQueued(254)']);
    expect(sockets.transferable()).toEqual([]);
    primary.updateRing(ring);
    expect(modes()).toEqual([]);
  });

  test('leaves what waits in inherited sockets to the old primary, unless a worker has served the port', async () => {
    start(
      [61, 62, 63].map((fd, slot) => ({ key: `direct:${4000 + slot}`, descriptors: [fd], managed: false })),
    );
    await primary.open();
    const worker = new FakeWorker(1);
    primary.attach(worker);
    primary.detach(worker, true);
    thread.take();
    await primary.close(0);
    expect(thread.take()).toEqual([
      'remove(0,false)',
      'remove(2,false)',
      'closeListener(254)',
      'closeQueued(254)',
    ]);
    expect(binding.take()).toEqual(['close(61)', 'close(62)', 'close(63)']);
  });

  test('accepts what waits in its own sockets, even if no worker has served', async () => {
    await primary.open();
    thread.take();
    await primary.close(0);
    expect(thread.take()).toEqual(['closeListener(254)', 'closeQueued(254)']);
  });
});

test('a transfer to a new primary stops accepting at every port', async () => {
  await primary.open();
  thread.take();
  sockets.transfer();
  expect(thread.take()).toEqual(['remove(0,false)', 'remove(1,false)', 'remove(2,false)']);
});
