import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ownConnection } from '../../../src/session/redis/ioredis.ts';
import {
  ServerConnection,
  type ServerConnectionOptions,
} from '../../../src/session/redis/server-connection.ts';
import { settle, useFakeClock } from '../fake-clock.ts';
import { FakeIoredis, replyError, trackingServer, type Words } from './fake-ioredis.ts';

let fakes: FakeIoredis[];
let states: (string | undefined)[];
let invalidated: (string | undefined)[];
let periods: number;
let connection: ServerConnection;
let probes: number;
beforeEach(() => {
  useFakeClock();
  fakes = [];
  states = [];
  invalidated = [];
  periods = 0;
  probes = 0;
});
afterEach(() => {
  connection.close();
  vi.useRealTimers();
});

const commands = (): FakeIoredis => fakes[0] as FakeIoredis;
const invalidations = (): FakeIoredis => fakes[1] as FakeIoredis;

function connectTo(options: Partial<ServerConnectionOptions> = {}): void {
  connection = new ServerConnection({
    connect: (override) => {
      const fake = new FakeIoredis(override);
      fake.answer = trackingServer(invalidations);
      fakes.push(fake);
      return fake;
    },
    track: true,
    staleMs: 40,
    probeKey: () => `limpet-probe-${++probes}`,
    commandTimeoutMs: 1000,
    onInvalidation: (key) => invalidated.push(key),
    onPeriod: () => periods++,
    onState: ({ downReason, untrackedReason }) => states.push(downReason ?? untrackedReason),
    ...options,
  });
}

/** Connects both connections, and waits until the first period has begun. */
async function startPeriod(): Promise<object> {
  invalidations().connect();
  commands().connect();
  await settle();
  if (!connection.period) throw new Error(`no period: ${connection.untrackedReason}`);
  return connection.period;
}

/** Holds the commands of a connection that match, until the test answers them. */
function hold(fake: FakeIoredis, matches: (words: Words) => boolean): (value: unknown) => void {
  const before = fake.answer;
  let answer = (_value: unknown): void => undefined;
  const held = new Promise((resolve) => {
    answer = resolve;
  });
  fake.answer = (words) => (matches(words) ? held : before(words));
  return (value) => {
    fake.answer = before;
    answer(value);
  };
}
const isTracking = ([, word]: Words): boolean => word === 'tracking';

describe('the connections to a server', () => {
  test('are two, with the options of the store', () => {
    connectTo();
    expect(fakes.map(({ options }) => options)).toEqual([ownConnection, ownConnection]);
    expect(connection).toMatchObject({
      period: undefined,
      untrackedReason: 'not connected yet',
      downReason: 'not connected yet',
      closed: false,
    });
  });

  test('are one without tracking', async () => {
    connectTo({ track: false });
    commands().connect();
    await settle();
    expect(fakes).toHaveLength(1);
    expect(connection).toMatchObject({
      period: undefined,
      untrackedReason: 'switched off by the option nearCache',
      downReason: undefined,
    });
    expect(connection.trustedPeriod).toBeUndefined();
    commands().drop();
    expect(connection.untrackedReason).toBe('switched off by the option nearCache');
    expect(commands().sent).toEqual([]);
  });

  test('close together, once', async () => {
    connectTo();
    await startPeriod();
    connection.close();
    connection.close();
    expect(fakes.map(({ disconnects }) => disconnects)).toEqual([[undefined], [undefined]]);
    expect(connection).toMatchObject({ closed: true, period: undefined, downReason: 'closed' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a tracking period', () => {
  test('begins when both connections are up and the probe has been seen', async () => {
    connectTo();
    commands().connect();
    await settle();
    expect(connection.downReason).toBeUndefined();
    expect(connection.period).toBeUndefined();
    expect(connection.untrackedReason).toBe('the connection for invalidations is not up');
    invalidations().connect();
    await settle();
    expect(connection.period).toEqual({});
    expect(connection.untrackedReason).toBeUndefined();
    expect(periods).toBe(1);
    expect(states.at(-1)).toBeUndefined();
  });

  test('begins in the other order too', async () => {
    connectTo();
    invalidations().connect();
    await settle();
    expect(connection.period).toBeUndefined();
    commands().connect();
    await settle();
    expect(connection.period).toBeDefined();
    expect(periods).toBe(1);
  });

  test.each([
    ['commands', commands, 'the connection to Redis closed'],
    ['invalidations', invalidations, 'the connection for invalidations closed'],
  ])('ends with the connection for %s, and a new one begins', async (_name, lost, reason) => {
    connectTo();
    const first = await startPeriod();
    lost().drop();
    expect(connection.period).toBeUndefined();
    expect(connection.untrackedReason).toBe(reason);
    expect(connection.trustedPeriod).toBeUndefined();
    lost().connect();
    await settle();
    expect(connection.period).toBeDefined();
    expect(connection.period).not.toBe(first);
    expect(periods).toBe(2);
  });

  test('ends when a command is not answered in time', async () => {
    connectTo();
    await startPeriod();
    hold(commands(), ([name]) => name === 'set');
    const result = expect(
      connection.exec([['set', 'a']], performance.now() + 100, 'once'),
    ).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
    });
    await vi.advanceTimersByTimeAsync(100);
    await result;
    expect(connection.period).toBeUndefined();
    expect(connection.downReason).toBe('Redis did not answer in time');
  });

  test('is reported to have ended before the server is reported as down', async () => {
    connectTo();
    await startPeriod();
    states.length = 0;
    const onState: [string | undefined, boolean][] = [];
    connection.close();
    connectTo({
      onState: ({ downReason, period }) => onState.push([downReason, period !== undefined]),
    });
    commands().drop();
    expect(onState).toEqual([]);
    fakes[2]?.connect();
    onState.length = 0;
    fakes[2]?.drop();
    expect(onState).toEqual([
      [undefined, false],
      ['the connection to Redis closed', false],
    ]);
  });

  test('does not begin when the connection was lost during the attempt', async () => {
    connectTo();
    commands().connect();
    const answer = hold(commands(), isTracking);
    invalidations().connect();
    await settle();
    commands().drop();
    answer('OK');
    await settle();
    expect(connection.period).toBeUndefined();
    expect(periods).toBe(0);
    expect(connection.untrackedReason).toBe('the connection to Redis closed');
  });

  test('begins by the latest attempt only: an older one that succeeds late is void', async () => {
    connectTo();
    commands().connect();
    const answer = hold(commands(), isTracking);
    invalidations().connect();
    await settle();
    commands().drop();
    commands().connect();
    await settle();
    expect(periods).toBe(0);
    answer('OK');
    await settle();
    expect(periods).toBe(1);
    expect(connection.period).toBeDefined();
  });

  test('an older attempt that fails late does not give its reason', async () => {
    connectTo();
    commands().connect();
    const answer = hold(commands(), isTracking);
    invalidations().connect();
    await settle();
    invalidations().drop();
    answer(Promise.reject(replyError('ERR late')));
    await settle();
    expect(connection.untrackedReason).toBe('the connection for invalidations closed');
  });

  test('attempts run one after another', async () => {
    connectTo();
    commands().connect();
    const answer = hold(commands(), isTracking);
    invalidations().connect();
    await settle();
    const before = commands().sent.length;
    invalidations().drop();
    invalidations().connect();
    await settle();
    expect(commands().sent).toHaveLength(before);
    answer('OK');
    await settle();
    expect(connection.period).toBeDefined();
    expect(commands().sent.length).toBeGreaterThan(before);
  });

  test('passes on invalidations', async () => {
    connectTo();
    await startPeriod();
    invalidations().invalidate(['sess:a']);
    invalidations().invalidate(null);
    expect(invalidated).toEqual(['sess:a', undefined]);
  });
});

describe('the trusted period', () => {
  test('is the period, while a PING has been answered within staleMs', async () => {
    connectTo();
    const period = await startPeriod();
    expect(connection.trustedPeriod).toBeUndefined();
    await settle();
    expect(connection.trustedPeriod).toBe(period);
    hold(invalidations(), ([name]) => name === 'ping');
    await vi.advanceTimersByTimeAsync(39);
    expect(connection.trustedPeriod).toBe(period);
    await vi.advanceTimersByTimeAsync(10);
    expect(connection.trustedPeriod).toBeUndefined();
    expect(connection.period).toBe(period);
  });

  test('does not exist without a period, and no PING is sent then', async () => {
    connectTo();
    invalidations().connect();
    await settle();
    expect(connection.trustedPeriod).toBeUndefined();
    expect(invalidations().log).not.toContain('ping');
  });
});

describe('a heartbeat', () => {
  test('reads a probe key on the command connection, and sends a PING on the other one, each second', async () => {
    connectTo();
    await startPeriod();
    for (const fake of fakes) fake.sent.length = 0;
    await vi.advanceTimersByTimeAsync(999);
    expect(fakes.map(({ log }) => log)).toEqual([[], []]);
    await vi.advanceTimersByTimeAsync(1);
    expect(fakes.map(({ log }) => log)).toEqual([[`get limpet-probe-${probes}`], ['ping']]);
    expect(connection.period).toBeDefined();
  });

  test('sends a PING when the server can have no probe key', async () => {
    connectTo({ probeKey: () => undefined });
    await startPeriod();
    commands().sent.length = 0;
    await vi.advanceTimersByTimeAsync(1000);
    expect(commands().log).toEqual(['ping']);
  });

  test('sends nothing on a command connection that is down, or without tracking', async () => {
    connectTo();
    await vi.advanceTimersByTimeAsync(3000);
    expect(commands().sent).toEqual([]);
    connection.close();
    connectTo({ track: false });
    fakes[2]?.connect();
    await vi.advanceTimersByTimeAsync(3000);
    expect(fakes[2]?.sent).toEqual([]);
  });

  test('opens a command connection again that does not answer within a second', async () => {
    connectTo();
    await startPeriod();
    hold(commands(), ([name]) => name === 'get');
    await vi.advanceTimersByTimeAsync(1999);
    expect(connection.downReason).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.downReason).toBe('Redis did not answer in time');
    expect(commands().disconnects).toEqual([true]);
  });

  test('opens a command connection again whose server answers with an error', async () => {
    connectTo();
    await startPeriod();
    commands().answer = () => {
      throw replyError('CLUSTERDOWN Hash slot not served');
    };
    await vi.advanceTimersByTimeAsync(1000);
    expect(connection.downReason).toBe('CLUSTERDOWN Hash slot not served');
    expect(commands().disconnects).toEqual([true]);
  });

  test('opens a connection for invalidations again that does not answer within a second', async () => {
    connectTo();
    await startPeriod();
    hold(invalidations(), ([name]) => name === 'ping');
    await vi.advanceTimersByTimeAsync(2000);
    expect(connection.period).toBeUndefined();
    expect(connection.untrackedReason).toBe('the connection for invalidations is opened again');
    expect(invalidations().disconnects).toEqual([true]);
    expect(commands().disconnects).toEqual([]);
  });

  test('does not keep the process alive', () => {
    const setInterval = vi.spyOn(globalThis, 'setInterval');
    connectTo();
    const timer = setInterval.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
  });
});

describe('a refused attempt', () => {
  /** Milliseconds at which the connection for invalidations was opened again. */
  async function retriesWithin(ms: number): Promise<number[]> {
    const retries: number[] = [];
    for (let at = 1000; at <= ms; at += 1000) {
      const before = invalidations().disconnects.length;
      await vi.advanceTimersByTimeAsync(1000);
      if (invalidations().disconnects.length === before) continue;
      retries.push(at);
      invalidations().connect();
      await settle();
    }
    return retries;
  }

  test('is repeated after 1, 2, 4, … 64 heartbeats', async () => {
    connectTo();
    commands().answer = (words) => {
      if (isTracking(words)) throw replyError('ERR unknown subcommand');
      return null;
    };
    invalidations().connect();
    commands().connect();
    await settle();
    expect(connection.untrackedReason).toBe('ERR unknown subcommand');
    expect(await retriesWithin(260_000)).toEqual(
      [1, 3, 7, 15, 31, 63, 127, 191, 255].map((seconds) => seconds * 1000),
    );
    expect(commands().disconnects).toEqual([]);
  });

  test('is repeated soon again after a period that has worked', async () => {
    connectTo();
    const works = commands().answer;
    const refuse = (words: Words): unknown => {
      if (isTracking(words)) throw replyError('ERR unknown subcommand');
      return null;
    };
    commands().answer = refuse;
    invalidations().connect();
    commands().connect();
    await settle();
    expect(await retriesWithin(3000)).toEqual([1000, 3000]);
    commands().answer = works;
    expect(await retriesWithin(4000)).toEqual([4000]);
    expect(connection.period).toBeDefined();
    commands().answer = refuse;
    commands().drop();
    commands().connect();
    await settle();
    expect(await retriesWithin(3000)).toEqual([1000, 3000]);
  });

  test('opens both connections again when they are with different servers', async () => {
    connectTo();
    commands().answer = (words) => {
      if (isTracking(words)) throw replyError('ERR The client ID you want redirect to does not exist');
      return null;
    };
    invalidations().connect();
    commands().connect();
    await settle();
    await vi.advanceTimersByTimeAsync(1000);
    expect(fakes.map(({ disconnects }) => disconnects)).toEqual([[true], [true]]);
  });
});

describe('retire', () => {
  test('takes no more commands, and closes when those in flight have had their time', async () => {
    connectTo();
    await startPeriod();
    const answer = hold(commands(), ([name]) => name === 'get');
    const inFlight = connection.exec([['get', 'a']], performance.now() + 1000, 'once');
    await settle();
    connection.retire();
    expect(connection.downReason).toBe('this server holds no sessions any more');
    expect(connection.period).toBeUndefined();
    answer('row');
    expect(await inFlight).toEqual(['row']);
    await vi.advanceTimersByTimeAsync(999);
    expect(connection.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.closed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
