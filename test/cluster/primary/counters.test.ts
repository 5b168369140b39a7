import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { Counters, sumOf } from '../../../src/cluster/primary/counters.js';
import type { RouterStatus, SlotStatus } from '../../../src/cluster/primary/status.js';
import { type App, startApp } from '../../processes/app.js';
import { addresses, ask } from '../../processes/clients.js';
import { RawConnection } from '../../processes/raw.js';

/** The messages on a diagnostics channel from now to the end of the test. */
function published(channel: string): unknown[] {
  const messages: unknown[] = [];
  const hear = (message: unknown) => messages.push(message);
  subscribe(channel, hear);
  onTestFinished(() => {
    unsubscribe(channel, hear);
  });
  return messages;
}

describe('the counters of the primary', () => {
  it('begin with zeros, for each slot apart', () => {
    const counters = new Counters();
    expect(counters.of(3)).toMatchObject({
      handed: 0,
      diverted: 0,
      refused: {},
      sessionCache: { hits: 0, misses: 0, invalidations: 0 },
    });
    expect(counters.of(3)).toBe(counters.of(3));
    expect(counters.of(2)).not.toBe(counters.of(3));
    expect(counters.rejectionsBeforeRouting).toEqual({});
  });

  it('count a connection for the slot that gets it, and as diverted if that is not its home', () => {
    const diverted = published('limpet:diverted');
    const counters = new Counters();
    counters.handed(1, 1);
    counters.handed(1, 0);
    expect(counters.of(1)).toMatchObject({ handed: 2, diverted: 1 });
    expect(counters.of(0)).toMatchObject({ handed: 0, diverted: 0 });
    expect(diverted).toEqual([{ slot: 0, to: 1 }]);
  });

  it('count refusals by slot and reason', () => {
    const refused = published('limpet:refused');
    const counters = new Counters();
    counters.refused(1, 'queue full');
    counters.refused(1, 'queue full');
    counters.refused(1, 'closing');
    expect(counters.of(1).refused).toEqual({ 'queue full': 2, closing: 1 });
    expect(counters.of(0).refused).toEqual({});
    expect(refused).toHaveLength(3);
    expect(refused[2]).toEqual({ slot: 1, reason: 'closing' });
  });

  it('count rejections before routing by reason', () => {
    const rejected = published('limpet:unplaced');
    const counters = new Counters();
    counters.rejectedBeforeRouting('silent');
    counters.rejectedBeforeRouting('silent');
    counters.rejectedBeforeRouting('head-too-large');
    expect(counters.rejectionsBeforeRouting).toEqual({ silent: 2, 'head-too-large': 1 });
    expect(rejected[2]).toEqual({ reason: 'head-too-large' });
  });

  it('add up how long connections waited', () => {
    const counters = new Counters();
    counters.taken(1, 2);
    counters.taken(1, 40);
    const { counts, sumMs } = counters.of(1).latency;
    expect(sumMs).toBe(42);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(counters.of(0).latency.sumMs).toBe(0);
  });

  it('keep what the session caches of a slot have done when its process is another', () => {
    const counters = new Counters();
    const beat = { open: 4, lagMs: 1, rssBytes: 4096 };
    const first = { slot: 1, vitals: undefined };
    counters.beat(first, { ...beat, sessionCache: { hits: 5, misses: 3, invalidations: 1 } });
    counters.beat(first, { ...beat, open: 6, sessionCache: { hits: 9, misses: 4, invalidations: 2 } });
    expect(first.vitals).toEqual({
      ...beat,
      open: 6,
      sessionCache: { hits: 9, misses: 4, invalidations: 2 },
    });
    const second = { slot: 1, vitals: undefined };
    counters.beat(second, { ...beat, sessionCache: { hits: 1, misses: 2, invalidations: 3 } });
    expect(counters.of(1).sessionCache).toEqual({ hits: 10, misses: 6, invalidations: 5 });
    expect(counters.of(0).sessionCache).toEqual({ hits: 0, misses: 0, invalidations: 0 });
  });
});

it('the sum of two counts by reason has the reasons of both, and leaves them as they are', () => {
  const one = { silent: 1, closing: 2 };
  const other = { closing: 3, flood: 4 };
  expect(sumOf(one, other)).toEqual({ silent: 1, closing: 5, flood: 4 });
  expect([one, other]).toEqual([
    { silent: 1, closing: 2 },
    { closing: 3, flood: 4 },
  ]);
});

let app: App;
const connections: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of connections.splice(0)) socket.destroy();
  await app?.stop();
});

/** The number of times that the app was asked for its status. */
let asked = 0;
async function status(): Promise<RouterStatus> {
  app.say('status');
  asked += 1;
  const { result } = await app.hears('status', () => true, asked);
  return result as unknown as RouterStatus;
}
const total = ({ slots }: RouterStatus, count: (slot: SlotStatus) => number) =>
  slots.reduce((sum, slot) => sum + count(slot), 0);

describe.each(['kernel', 'fd', 'ipc'] as const)('the status by %s', (handoff) => {
  it('counts every connection, the open ones, and those that a dead worker has had', async () => {
    asked = 0;
    app = startApp('apps/routers/router.cjs', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify({ handoff, stallTimeoutMs: 500 }) },
    });
    const { addresses: bound } = await app.hears('started');
    const [{ port }] = bound as [{ port: number }];
    await Promise.all([0, 1].map((slot) => app.hears('ready', (told) => told.slot === slot)));

    const visitors = addresses(20);
    const served = await Promise.all(visitors.map(async (from) => JSON.parse((await ask(port, from)).body)));
    for (const from of addresses(3, 20)) {
      const connection = new RawConnection(port, from);
      connections.push(connection);
      await connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await connection.until(/\}/);
    }
    await expect.poll(async () => total(await status(), ({ open }) => open), { timeout: 20_000 }).toBe(3);
    const before = await status();
    expect(total(before, ({ accepted }) => accepted)).toBe(23);
    expect(total(before, ({ realShare }) => realShare)).toBeCloseTo(1);
    const handed = handoff === 'kernel' ? 0 : 23;
    expect(total(before, (slot) => slot.handed)).toBe(handed);
    expect(total(before, ({ latency }) => latency.counts.reduce((sum, count) => sum + count, 0))).toBe(
      handed,
    );
    expect(total(before, ({ latency }) => latency.sumMs) > 0).toBe(handed > 0);

    const victim = before.slots[0] as SlotStatus;
    process.kill(victim.pid as number, 'SIGKILL');
    await app.hears('ready', ({ slot }) => slot === 0, 2);
    const after = (await status()).slots[0];
    expect(after).toMatchObject({ accepted: victim.accepted, restartsByCause: { signal: 1 }, open: 0 });
    expect(served.filter(({ slot }) => slot === 0).length).toBeLessThanOrEqual(victim.accepted);
  });
});
