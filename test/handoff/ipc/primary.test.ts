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

/** A process as far as the handoff knows it: what it was sent. */
class Process {
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
  const processes = [new Process(0), new Process(1)];
  for (const { endpoint } of processes) primary.attach(endpoint);
  const come = async (slot: number) => {
    const from = addresses(50).find((address) => ring.homeOfAddress(address) === slot) as string;
    const before = processes[slot]?.sent.length ?? 0;
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    await expect.poll(() => processes[slot]?.sent.length).toBe(before + 1);
    return processes[slot]?.sent.at(-1)?.seq as number;
  };
  return { ring, primary, processes, come };
}

test('a slot that is taken away keeps what it was sent, until it takes it or gives it back', async () => {
  const { ring, primary, processes, come } = await start();
  const [stays, goes] = processes as [Process, Process];
  const taken = await come(1);
  const untaken = await come(1);
  ring.resize(1);
  primary.updateRing(ring);
  // What it says of them is on its way.
  expect(stays.sent).toEqual([]);
  primary.received(goes.endpoint, { took: taken });
  expect(stays.sent).toEqual([]);
  primary.received(goes.endpoint, { returned: untaken });
  expect(stays.sent).toHaveLength(1);
});

test('a slot whose process hangs loses what it was sent to its fallback, and is told so when it asks', async () => {
  const { ring, primary, processes, come } = await start();
  const [other, hangs] = processes as [Process, Process];
  const seq = await come(1);
  ring.down(1);
  primary.updateRing(ring);
  expect(other.sent).toHaveLength(1);
  primary.received(hangs.endpoint, { mayTake: seq });
  expect(hangs.sent.at(-1)).toEqual({ drop: seq });
});

test('a process that leaves is given nothing that it asks for', async () => {
  const { ring, primary, processes, come } = await start();
  const [stays, leaves] = processes as [Process, Process];
  const seq = await come(1);
  ring.resize(1);
  primary.updateRing(ring);
  primary.detach(leaves.endpoint, false);
  primary.received(leaves.endpoint, { mayTake: seq });
  expect(leaves.sent.at(-1)).toEqual({ drop: seq });
  expect(stays.sent).toHaveLength(1);
});
