import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { handoffs } from '../integration/served.ts';
import { startApp } from '../processes/app.ts';
import { addresses, ask, inParallel } from '../processes/clients.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

describe.each(handoffs)('by %s', (handoff) => {
  it('300 refused addresses use up no number: each listener serves its own clients', async ({
    onTestFinished,
  }) => {
    const app = startApp('faults/many-listeners.cjs', { env: { LIMPET_TEST_HANDOFF: handoff } });
    onTestFinished(async () => void (await app.stop()));
    expect((await app.hears('refused')).codes).toEqual(['ERR_LIMPET_ADDRESS_IN_USE']);
    const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
    expect(bound).toHaveLength(2);
    const names = await Promise.all(
      bound.map(async ({ port }) => {
        const answers = await inParallel(addresses(20), 4, (from) => ask(port, from));
        return new Set(answers.map(({ body }) => JSON.parse(body).name));
      }),
    );
    expect(names.map((each) => each.size)).toEqual([1, 1]);
    expect(new Set(names.flatMap((each) => [...each]))).toEqual(new Set(['first', 'second']));
  });
});

it('a second server of a worker on an address of the first is refused, and the first serves', async ({
  onTestFinished,
}) => {
  const port = await freePort();
  const app = startApp('faults/one-address.js', { env: { LIMPET_TEST_PORT: String(port) } });
  onTestFinished(async () => void (await app.stop()));
  await app.hears('first listening');
  expect(await app.hears('second error')).toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
  expect((await ask(port, '127.0.0.1')).body).toBe('first');
});
