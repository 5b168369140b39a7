import { expect, it } from 'vitest';
import { startApp } from '../processes/app.ts';
import { ask } from '../processes/clients.ts';
import { runs } from '../processes/descriptors.ts';

it('a new primary that ends at once leaves the old one as it was, ten times in a row', async ({
  onTestFinished,
}) => {
  const app = startApp('faults/broken-deployment.cjs');
  onTestFinished(async () => void (await app.stop()));
  const { addresses: bound } = (await app.hears('started')) as unknown as { addresses: { port: number }[] };
  for (let time = 1; time <= 10; time++) {
    app.say('upgrade');
    const { error } = (await app.hears('upgrade', undefined, time)) as unknown as { error: { code: string } };
    expect(error.code).toBe('ERR_LIMPET_UPGRADE');
  }
  expect(runs(app.pid)).toBe(true);
  expect((await ask(bound[0]?.port as number, '127.0.0.1')).status).toBe(200);
});
