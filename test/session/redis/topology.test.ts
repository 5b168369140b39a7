import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SingleTopology } from '../../../src/session/redis/topology.ts';
import { useFakeClock } from '../fake-clock.ts';
import { FakeIoredis } from './fake-ioredis.ts';

let topology: SingleTopology;
beforeEach(() => useFakeClock());
afterEach(() => {
  topology.close();
  vi.useRealTimers();
});

function topologyOf(client: FakeIoredis): SingleTopology {
  topology = new SingleTopology(client, {
    track: false,
    staleMs: 40,
    probeKey: () => undefined,
    commandTimeoutMs: 1000,
    onInvalidation: () => undefined,
    onPeriod: () => undefined,
    onState: () => undefined,
  });
  return topology;
}

test('the kind is sentinel if the client has sentinels, otherwise single', () => {
  expect(topologyOf(new FakeIoredis({ port: 6379 })).kind).toBe('single');
  topology.close();
  expect(topologyOf(new FakeIoredis({ sentinels: [{ port: 26_379 }] })).kind).toBe('sentinel');
});

test('one connection, a duplicate of the client, serves every key', async () => {
  const client = new FakeIoredis();
  const { connectionFor, exec, connections } = bound(topologyOf(client));
  const redis = client.duplicates[0]?.connection as FakeIoredis;
  expect(client.duplicates).toHaveLength(1);
  expect(connectionFor('a')).toBe(connectionFor('b'));
  expect([...connections()]).toEqual([connectionFor('a')]);
  redis.connect();
  redis.answer = () => 'row';
  const request = { key: 'a', connection: undefined, endsAt: performance.now() + 100 } as const;
  expect(await exec({ ...request, commands: [['get', 'a']], repeat: 'once' })).toEqual({
    answers: ['row'],
    tracked: true,
  });
});

test('the one server is asked within commandTimeoutMs', async () => {
  const client = new FakeIoredis();
  const [ask, ...others] = await topologyOf(client).servers();
  expect(others).toEqual([]);
  const result = expect(ask?.([['scan', '0']])).rejects.toMatchObject({
    code: 'ERR_LIMPET_STORE',
    facts: { sent: false },
  });
  await vi.advanceTimersByTimeAsync(1000);
  await result;
  const redis = client.duplicates[0]?.connection as FakeIoredis;
  redis.connect();
  redis.answer = () => ['0', []];
  expect(await ask?.([['scan', '0']])).toEqual([['0', []]]);
});

test('close() closes the connection, and leaves the client', () => {
  const client = new FakeIoredis();
  topologyOf(client).close();
  expect(client.duplicates[0]?.connection.disconnects).toEqual([undefined]);
  expect(client.disconnects).toEqual([]);
});

function bound(of: SingleTopology) {
  return {
    connectionFor: (_key: string) => of.connectionFor(),
    exec: of.exec.bind(of),
    connections: of.connections.bind(of),
  };
}
