import { once } from 'node:events';
import { Agent } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import { describe, expect, test } from 'vitest';
import { describeServed, expectSticky, type Told } from './served.ts';

/** Connects from the address `from`. Each request has its own connection. */
async function connect(port: number, from: string, transports: string[]): Promise<Socket> {
  const agent = new Agent({ keepAlive: false, localAddress: from } as object);
  const options = { transports, agent: agent as never, forceNew: true, reconnection: false };
  const socket = io(`http://127.0.0.1:${port}`, options);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('connect_error', reject);
  });
  return socket;
}

describeServed('Socket.IO', 'socket-io.js', (app) => {
  describe.each([[['polling']], [['websocket']], [['polling', 'websocket']]])('%s', (transports) => {
    test('a client is always served by one worker', async () => {
      await expectSticky(async (from): Promise<Told> => {
        const socket = await connect(app.port, from, transports);
        const told = await socket.emitWithAck('who');
        socket.disconnect();
        return told;
      }, 2);
    });

    test('clients of one address share a room in worker memory', async () => {
      const sockets = await Promise.all(
        Array.from({ length: 4 }, () => connect(app.port, '127.0.4.9', transports)),
      );
      const room = transports.join();
      const sizes = await Promise.all(sockets.map((socket) => socket.emitWithAck('join', room)));
      expect(sizes.toSorted()).toEqual([1, 2, 3, 4]);
      const heard = Promise.all(sockets.map((socket) => once(socket as never, 'said')));
      sockets[0]?.emit('say', room, 'low tide');
      expect(await heard).toEqual(Array(4).fill(['low tide']));
      for (const socket of sockets) socket.disconnect();
    });
  });
});
