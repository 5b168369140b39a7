import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import type { HandoffMessage, WorkerEndpoint } from '../../../src/handoff/contract.ts';
import { IpcPrimary, type IpcSettings } from '../../../src/handoff/ipc/primary.ts';
import { ListeningSockets } from '../../../src/handoff/listening-sockets.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { addresses } from '../../processes/clients.ts';

const newRing = () => new SlotRing({ slots: 2, key: Buffer.from('limpets!') });

/** A worker, as the handoff sees it, that records what it was sent. */
class FakeWorker {
  readonly sent: HandoffMessage[] = [];
  readonly endpoint: WorkerEndpoint;

  constructor(slot: number) {
    const send = (message: HandoffMessage, _handle?: RawHandle) => this.sent.push(message) > 0;
    this.endpoint = { slot, workerIndex: slot, send } as unknown as WorkerEndpoint;
  }
}

async function start() {
  const ring = newRing();
  const primary = new IpcPrimary(ring, {
    sockets: new ListeningSockets(),
    key: 'here',
    address: { host: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false },
    queueMax: 100,
    refused: () => {},
    handed: () => {},
    taken: () => {},
    unplaced: () => {},
    newcomers: 'ring',
    busiest: { add: () => {} },
    maxLoad: 0,
  } as unknown as IpcSettings);
  const { port } = (await primary.open()) as { port: number };
  onTestFinished(async () => void (await primary.close(0)));
  const workers = [new FakeWorker(0), new FakeWorker(1)];
  for (const { endpoint } of workers) primary.attach(endpoint);
  const connectTo = async (slot: number) => {
    const from = addresses(50).find((address) => ring.homeOfAddress(address) === slot) as string;
    const before = workers[slot]?.sent.length ?? 0;
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    await expect.poll(() => workers[slot]?.sent.length).toBe(before + 1);
    return workers[slot]?.sent.at(-1)?.seq as number;
  };
  return { ring, primary, workers, connectTo };
}

test('a removed slot keeps the connections that were sent to it, until its worker takes or returns them', async () => {
  const { ring, primary, workers, connectTo } = await start();
  const [stays, goes] = workers as [FakeWorker, FakeWorker];
  const taken = await connectTo(1);
  const untaken = await connectTo(1);
  ring.resize(1);
  primary.updateRing(ring);
  // Its answers may be in flight.
  expect(stays.sent).toEqual([]);
  primary.received(goes.endpoint, { took: taken });
  expect(stays.sent).toEqual([]);
  primary.received(goes.endpoint, { returned: untaken });
  expect(stays.sent).toHaveLength(1);
});

test('the fallback of a hung worker gets the connections that were sent to it, and the worker must drop them', async () => {
  const { ring, primary, workers, connectTo } = await start();
  const [other, hangs] = workers as [FakeWorker, FakeWorker];
  const seq = await connectTo(1);
  ring.down(1);
  primary.updateRing(ring);
  expect(other.sent).toHaveLength(1);
  primary.received(hangs.endpoint, { mayTake: seq });
  expect(hangs.sent.at(-1)).toEqual({ drop: seq });
});

test('a worker that drains must drop a connection that it asks for', async () => {
  const { ring, primary, workers, connectTo } = await start();
  const [stays, leaves] = workers as [FakeWorker, FakeWorker];
  const seq = await connectTo(1);
  ring.resize(1);
  primary.updateRing(ring);
  primary.detach(leaves.endpoint, false);
  primary.received(leaves.endpoint, { mayTake: seq });
  expect(leaves.sent.at(-1)).toEqual({ drop: seq });
  expect(stays.sent).toHaveLength(1);
});
