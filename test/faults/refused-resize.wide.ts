import { describe, expect, it, type TestContext } from 'vitest';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import { type App, startApp } from '../processes/app.ts';
import { addresses, ask, inParallel } from '../processes/clients.ts';

async function result<T>(app: App, command: string, ...args: unknown[]): Promise<T> {
  const before = app.told.filter(({ event }) => event === command).length;
  app.say([command, ...args.map((arg) => JSON.stringify(arg))].join(' '));
  return (await app.hears(command, undefined, before + 1)) as unknown as T;
}

async function start({ onTestFinished }: TestContext, options: object): Promise<{ app: App; port: number }> {
  const app = startApp('apps/routers/router.cjs', { env: { LIMPET_TEST_OPTIONS: JSON.stringify(options) } });
  onTestFinished(async () => void (await app.stop()));
  const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
  return { app, port: bound[0]?.port as number };
}

const shape = ({ ring, slots }: RouterStatus) => ({
  ring,
  slots: slots.map(({ slot, state, down, pid, share }) => ({ slot, state, down, pid, share })),
});

describe('a change of the number of slots that the kernel refuses', () => {
  it.for([
    { workers: 1, buckets: 65_536, to: 4 },
    { workers: 2, buckets: 16_384, to: 8 },
  ])('%o: rejects, and everything is as before', async ({ workers, buckets, to }, context) => {
    const { app, port } = await start(context, {
      workers,
      buckets,
      handoff: 'kernel',
      secret: 'sixteen bytes or more',
    });
    for (let slot = 0; slot < workers; slot++) await app.hears('ready', (told) => told.slot === slot);
    const clients = addresses(40);
    const serve = () =>
      inParallel(clients, 8, async (from) => JSON.parse((await ask(port, from, { timeoutMs: 4000 })).body));
    const before = await serve();
    const { result: statusBefore } = await result<{ result: RouterStatus }>(app, 'status');
    const { result: ringBefore } = await result<{ result: object }>(app, 'ring');
    const { error } = await result<{ error: { code: string; message: string } }>(app, 'scale', to);
    expect(error).toMatchObject({
      code: 'ERR_LIMPET_NATIVE',
      message: expect.stringContaining('4,096 instructions'),
    });
    expect(error.message).toContain(`The number of slots is ${workers}, as before`);
    const { result: statusAfter } = await result<{ result: RouterStatus }>(app, 'status');
    expect(shape(statusAfter)).toEqual(shape(statusBefore));
    expect((await result<{ result: object }>(app, 'ring')).result).toEqual(ringBefore);
    const after = await serve();
    expect(after.map(({ slot, pid }) => [slot, pid])).toEqual(before.map(({ slot, pid }) => [slot, pid]));
    // A change that the kernel takes still works afterwards.
    const { error: refused } = await result<{ error?: object }>(app, 'scale', workers);
    expect(refused).toBeUndefined();
  });
});
