import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { feed } from './feed.ts';

const framesOf = (error: unknown) => ((error as Error).stack ?? '').match(/\n\s+at /g)?.length ?? 0;

async function connected() {
  const server = createHttpServer();
  const { adapter, port } = await feed(server);
  const client = connect(port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  return { server, adapter, client, socket };
}

it('the error of a reset connection is that of Node, without stack frames', async () => {
  const { stackTraceLimit } = Error;
  const { server, client } = await connected();
  const failed = once(server, 'clientError');
  client.resetAndDestroy();
  const [error] = await failed;
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    message: 'read ECONNRESET',
    code: 'ECONNRESET',
    syscall: 'read',
    errno: -constants.errno.ECONNRESET,
    stack: 'Error: read ECONNRESET',
  });
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

it('an error that the app makes when a request is aborted has its stack frames', async () => {
  const { server, client } = await connected();
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n');
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  const made = new Promise<Error>((resolve) => request.once('aborted', () => resolve(new Error('aborted'))));
  client.resetAndDestroy();
  expect(framesOf(await made)).toBeGreaterThan(0);
});

it("an error that the app makes in a 'readable' listener, which runs within the end, has its stack frames", async () => {
  const { client, socket } = await connected();
  const made = new Promise<Error>((resolve) => {
    socket.on('readable', () => {
      if (socket.read() === null) resolve(new Error('at the end'));
    });
  });
  client.end();
  expect(framesOf(await made)).toBeGreaterThan(0);
  socket.destroy();
});
