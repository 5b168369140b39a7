import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { describeServed, expectSticky, type Told } from './served.ts';

/** Connects, and receives who serves the WebSocket. */
async function open(port: number, from = '127.0.0.1'): Promise<{ socket: WebSocket; told: Told }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { localAddress: from });
  const [data] = await once(socket, 'message');
  return { socket, told: JSON.parse(String(data)) };
}

describeServed('ws', 'ws.js', (app) => {
  test('a client is always served by one worker', async () => {
    await expectSticky(async (from) => {
      const { socket, told } = await open(app.port, from);
      socket.terminate();
      return told;
    });
  });

  test('messages of 0 bytes to 1 MiB come back as they were sent', async () => {
    const { socket } = await open(app.port);
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
      const message = randomBytes(size);
      socket.send(message);
      const [echo, isBinary] = await once(socket, 'message');
      expect(isBinary && message.equals(echo as Buffer), `${size} bytes`).toBe(true);
    }
    socket.close();
    expect((await once(socket, 'close'))[0]).toBe(1005);
  });

  test('one worker serves a hundred WebSockets of one client', async () => {
    const opened = await Promise.all(Array.from({ length: 100 }, () => open(app.port, '127.0.3.7')));
    expect(new Set(opened.map(({ told }) => told.pid)).size).toBe(1);
    for (const { socket } of opened) socket.terminate();
  });
});
