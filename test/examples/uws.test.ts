import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ask } from '../processes/clients.ts';
import { uwsEnvironment } from '../uws/index.ts';
import { type Example, startExample } from './example.ts';

let example: Example;
let port: number;

beforeAll(async () => {
  example = await startExample('uws', uwsEnvironment());
  port = example.port;
});
afterAll(async () => {
  expect(await example.stop()).toEqual([0, null]);
});

const from = '127.0.6.1';

async function join() {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/room`, { localAddress: from });
  const [message] = await once(socket, 'message');
  return { socket, seen: JSON.parse(String(message)) };
}

test('one worker serves two sockets and the requests of one client', async () => {
  const [first, second] = [await join(), await join()];
  expect(second.seen).toEqual({ ...first.seen, room: 2 });
  const who = JSON.parse((await ask(port, from, { path: '/who' })).body);
  expect(who).toEqual({ ...second.seen, client: from });
  for (const { socket } of [first, second]) socket.terminate();
});

test('a restart closes every socket with 1012', async () => {
  const { socket } = await join();
  const closed = once(socket, 'close');
  example.kill('SIGHUP');
  expect((await closed)[0]).toBe(1012);
  const again = await join();
  again.socket.terminate();
});
