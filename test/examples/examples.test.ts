import { once } from 'node:events';
import { get, request } from 'node:http';
import { io } from 'socket.io-client';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { addresses, ask } from '../processes/clients.ts';
import { type Example, startExample } from './example.ts';

let example: Example | undefined;
afterEach(async () => {
  const ended = await example?.stop();
  example = undefined;
  expect(ended).toEqual([0, null]);
});

async function start(name: string): Promise<number> {
  example = await startExample(name);
  return example.port;
}

test('fastify: one worker counts all hits of a client', async () => {
  const port = await start('fastify');
  for (const from of addresses(4)) {
    const hit = async () => JSON.parse((await ask(port, from)).body) as { slot: number; hits: number };
    const first = await hit();
    expect(await hit()).toEqual({ ...first, hits: 2 });
  }
});

test('chat: a room spans all workers, with polling and WebSocket', async () => {
  const port = await start('chat');
  const join = async (transports: string[]) => {
    const socket = io(`http://127.0.0.1:${port}`, { forceNew: true, transports });
    await once(socket as never, 'connect');
    const { slot } = (await socket.emitWithAck('join', 'hall')) as { slot: number };
    return { socket, slot };
  };
  const guests = await Promise.all([
    join(['polling']),
    join(['polling']),
    join(['websocket']),
    join(['websocket']),
  ]);
  expect(new Set(guests.map(({ slot }) => slot)).size).toBeGreaterThan(1);
  const received = Promise.all(guests.map(({ socket }) => once(socket as never, 'said')));
  guests[0]?.socket.emit('say', 'hall', 'ahoy');
  expect((await received).map(([{ text }]) => text)).toEqual(guests.map(() => 'ahoy'));
  for (const { socket } of guests) socket.disconnect();
});

test('ws: two sockets of one client are in one room, and a restart closes them with 1012', async () => {
  const port = await start('ws');
  const join = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/room`, { localAddress: '127.0.6.1' });
    const [message] = await once(socket, 'message');
    return { socket, seen: JSON.parse(String(message)) as { here: number } };
  };
  await join().then(({ seen }) => expect(seen.here).toBe(1));
  const { socket, seen } = await join();
  expect(seen.here).toBe(2);
  const closed = once(socket, 'close');
  example?.kill('SIGHUP');
  expect((await closed)[0]).toBe(1012);
});

test('sse: a POST of a client reaches its stream', async () => {
  const port = await start('sse');
  const [stream] = (await once(
    get({ port, host: '127.0.0.1', path: '/events', localAddress: '127.0.6.2' }),
    'response',
  )) as [NodeJS.ReadableStream];
  let seen = '';
  stream.on('data', (data) => {
    seen += data;
  });
  while (!seen.includes('pid')) await once(stream, 'data');
  const post = request({
    port,
    host: '127.0.0.1',
    path: '/hello',
    method: 'POST',
    localAddress: '127.0.6.2',
  });
  post.end();
  const [response] = await once(post, 'response');
  expect(response.statusCode).toBe(204);
  response.resume();
  while (!seen.includes('/hello')) await once(stream, 'data');
  (stream as unknown as { destroy(): void }).destroy();
});
