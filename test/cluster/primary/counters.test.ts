import { afterEach, describe, expect, it } from 'vitest';
import type { RouterStatus, SlotStatus } from '../../../src/cluster/primary/status.js';
import { type App, startApp } from '../../processes/app.js';
import { addresses, ask } from '../../processes/clients.js';
import { RawConnection } from '../../processes/raw.js';

let app: App;
const connections: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of connections.splice(0)) socket.destroy();
  await app.stop();
});

let asked = 0;
async function status(): Promise<RouterStatus> {
  app.say('status');
  asked += 1;
  const { result } = await app.hears('status', () => true, asked);
  return result as unknown as RouterStatus;
}
const inAll = ({ slots }: RouterStatus, count: (slot: SlotStatus) => number) =>
  slots.reduce((sum, slot) => sum + count(slot), 0);

describe.each(['kernel', 'fd', 'ipc'] as const)('handoff %s: the status', (handoff) => {
  it('counts every connection, those that are open, and what a dead worker has had', async () => {
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
    await expect.poll(async () => inAll(await status(), ({ open }) => open), { timeout: 20_000 }).toBe(3);
    const before = await status();
    expect(inAll(before, ({ accepted }) => accepted)).toBe(23);
    expect(inAll(before, ({ realShare }) => realShare)).toBeCloseTo(1);
    const handed = handoff === 'kernel' ? 0 : 23;
    expect(inAll(before, (slot) => slot.handed)).toBe(handed);
    expect(inAll(before, ({ latency }) => latency.counts.reduce((sum, count) => sum + count, 0))).toBe(
      handed,
    );
    expect(inAll(before, ({ latency }) => latency.sumMs) > 0).toBe(handed > 0);

    const victim = before.slots[0] as SlotStatus;
    process.kill(victim.pid as number, 'SIGKILL');
    await app.hears('ready', ({ slot }) => slot === 0, 2);
    const after = (await status()).slots[0];
    expect(after).toMatchObject({ accepted: victim.accepted, restartsByCause: { signal: 1 }, open: 0 });
    expect(served.filter(({ slot }) => slot === 0).length).toBeLessThanOrEqual(victim.accepted);
  });
});
