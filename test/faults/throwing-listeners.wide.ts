import { describe, expect, it } from 'vitest';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import { type App, startApp } from '../processes/app.ts';
import { addresses, ask, inParallel } from '../processes/clients.ts';

/** Events of a router, and the command that provokes each once more while the router serves. */
const events = [
  ['starting', 'reload'],
  ['listening', undefined],
  ['ready', 'reload'],
  ['serving', undefined],
  ['draining', 'reload'],
  ['gone', 'reload'],
  ['reloading', 'reload'],
  ['reloaded', 'reload'],
] as const;

async function expectServing(app: App, port: number): Promise<void> {
  const answers = await inParallel(addresses(20), 4, (from) => ask(port, from));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  app.say('status');
  const { result } = (await app.hears('status done')) as unknown as { result: RouterStatus };
  expect(result.state).toBe('serving');
  expect(result.slots.map(({ state, down }) => ({ state, down }))).toEqual([
    { state: 'ready', down: false },
    { state: 'ready', down: false },
  ]);
}

describe.concurrent.each(events)('a listener of %s that throws', (event, command) => {
  it('is an uncaught exception of the app, and the router serves on', async ({ onTestFinished }) => {
    const app = startApp('faults/throwing-listener.cjs', { env: { LIMPET_TEST_EVENT: event } });
    onTestFinished(async () => void (await app.stop()));
    const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
    await app.hears('ready', undefined, 2);
    if (command) {
      app.say(command);
      await app.hears(`${command} done`);
    }
    await app.hears('uncaught', ({ message }) => message === `the listener of ${event} throws`);
    await expectServing(app, bound[0]?.port as number);
    expect(app.told.filter(({ event: told }) => told === 'unhandled' || told === 'failed')).toEqual([]);
  });
});

describe.concurrent.each(['closing', 'closed', 'gone', 'draining'])(
  'a listener of %s that throws',
  (event) => {
    it('does not keep close() from its end', async ({ onTestFinished }) => {
      const app = startApp('faults/throwing-listener.cjs', { env: { LIMPET_TEST_EVENT: event } });
      onTestFinished(async () => void (await app.stop()));
      await app.hears('ready', undefined, 2);
      app.say('close');
      await app.hears('close done');
      await app.hears('closed');
      await app.hears('uncaught');
    });
  },
);
