import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { load } from '../../bench/connections/load.js';
import { prepare } from '../../bench/prepare.js';
import { type App, startApp } from '../processes/app.js';
import { addresses } from '../processes/clients.js';
import { childrenOf, descriptorsOf } from '../processes/descriptors.js';
import { RawConnection } from '../processes/raw.js';

/** The number of connections that pass. LIMPET_SOAK_CONNECTIONS changes it. */
const passing = Number(process.env.LIMPET_SOAK_CONNECTIONS ?? 1_000_000);
const heldAtOnce = 2000;
const growthMaxMiB = 5;

/** Longer than the test: held requests are never answered. */
const answerAfterMs = 86_400_000;

interface Passed {
  readonly answered: number;
  readonly failed: number;
  /** Clients that another worker served than before. */
  readonly moved: number;
}

let app: App | undefined;
let held: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of held) socket.destroy();
  held = [];
  await app?.stop();
  app = undefined;
});

/** The proportional set size of a process, in MiB: a page that n processes map counts 1/n. */
function memoryOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;
}

/** The lowest value of `figure`, once it has not fallen for `quietMs`. */
async function lowest(figure: () => number, quietMs = 1000): Promise<number> {
  let low = figure();
  for (let quiet = 0; quiet < quietMs; quiet += 100) {
    await pause(100);
    const now = figure();
    if (now < low) quiet = 0;
    low = Math.min(low, now);
  }
  return low;
}

/** Prints the line, and adds it to bench/results/million.md if LIMPET_SOAK_RECORD is set. */
function record(line: string): void {
  console.log(line);
  const file = fileURLToPath(new URL('../../bench/results/million.md', import.meta.url));
  if (process.env.LIMPET_SOAK_RECORD) writeFileSync(file, `- ${line}\n`, { flag: 'a' });
}

describe.each(['kernel', 'fd', 'ipc'])('%s', (handoff) => {
  it(`after ${passing} connections have passed and ${heldAtOnce} were held, primary and workers are as before`, {
    timeout: 1_800_000,
  }, async () => {
    prepare();
    app = startApp('apps/routers/router.cjs', {
      env: {
        LIMPET_TEST_OPTIONS: JSON.stringify({ handoff }),
        // With JavaScript for each connection, V8's young generation grows to 32 MiB and more. Limited to 1 MiB, growth shows what is kept.
        NODE_OPTIONS: '--max-semi-space-size=1',
      },
    });
    const started = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
    await app.hears('ready', undefined, 2);
    const port = (started.addresses[0] as { port: number }).port;
    const { pid } = app;
    const workers = childrenOf(pid);
    const pass = (operations: number) =>
      load(port, { operations, width: 64, clients: 60_000, addresses: 4096 });
    const descriptors = () => [pid, ...workers].map(descriptorsOf);
    const open = () => descriptors().reduce((sum, count) => sum + count, 0);

    await pass(Math.min(passing, 100_000));
    // When all connections are closed, the number of descriptors stops falling.
    const idle = await lowest(open);
    const primaryDescriptors = descriptorsOf(pid);
    held = addresses(heldAtOnce).map((from) => new RawConnection(port, from));
    for (const connection of held)
      await connection.write(`GET /?ms=${answerAfterMs} HTTP/1.1\r\nHost: a\r\n\r\n`);
    // With ipc, the primary has a copy of each descriptor until the worker has taken it.
    await expect
      .poll(() => [descriptorsOf(pid), open()], { timeout: 20_000 })
      .toEqual([primaryDescriptors, idle + heldAtOnce]);
    const memory = memoryOf(pid);
    const { answered, failed, moved } = (await pass(passing)) as Passed;
    // V8 returns memory to the system when its process has been idle for some seconds.
    const growth = await lowest(() => memoryOf(pid) - memory, 20_000);
    record(
      `${handoff}: ${answered} passed, ${failed} failed, ${moved} moved; primary ${memory.toFixed(1)} MiB, ${growth.toFixed(1)} more afterwards`,
    );
    expect({ answered, failed, moved }).toEqual({ answered: passing, failed: 0, moved: 0 });
    expect(growth).toBeLessThanOrEqual(growthMaxMiB);
    expect(descriptorsOf(pid)).toBe(primaryDescriptors);
    await expect.poll(open, { timeout: 20_000 }).toBe(idle + heldAtOnce);

    for (const { socket } of held) socket.destroy();
    await expect.poll(open, { timeout: 20_000 }).toBe(idle);
  });
});
