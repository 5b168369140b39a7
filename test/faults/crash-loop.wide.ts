import { expect, it, onTestFinished } from 'vitest';
import { startApp } from '../processes/app.ts';
import { ask } from '../processes/clients.ts';
import { runs } from '../processes/descriptors.ts';

it('a crash loop of one slot of limpet.listen() is reported, and the router serves on', async () => {
  const app = startApp('faults/crashing-slot.js');
  onTestFinished(async () => void (await app.stop()));
  const { port } = (await app.hears('bound')) as unknown as { port: number };
  const healthy = (await app.hears('open', ({ slot }) => slot === 0)) as unknown as { pid: number };
  // The eighth short life in a row is a crash loop.
  await app.outputs('keep ending');
  expect(app.output).toMatch(
    /limpet: slot 1: its workers keep ending within a minute .*ERR_LIMPET_WORKER_START/,
  );
  expect(app.output.match(/keep ending within a minute/g)).toHaveLength(1);
  expect(runs(healthy.pid)).toBe(true);
  for (let client = 1; client <= 20; client++) {
    const { status, body } = await ask(port, `127.0.1.${client}`);
    expect(status).toBe(200);
    if (JSON.parse(body).slot === 0) expect(JSON.parse(body).pid).toBe(healthy.pid);
  }
});
