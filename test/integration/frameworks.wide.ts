import { expect, test } from 'vitest';
import { ask } from '../processes/clients.ts';
import { describeServed, expectSticky, type Served } from './served.ts';

function frameworkTests(app: Served): void {
  test('a client is always served by one worker', async () => {
    await expectSticky(async (from) => JSON.parse((await ask(app.port, from)).body));
  });

  test('a JSON body is parsed', async () => {
    const sent = { text: 'limpet'.repeat(10_000) };
    const answer = await fetch(`http://127.0.0.1:${app.port}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sent),
    });
    expect(await answer.json()).toEqual(sent);
  });
}

describeServed('Fastify', 'fastify.js', frameworkTests);

describeServed('Express 5', 'express.js', (app) => {
  frameworkTests(app);

  test('an error of a handler reaches the error handler', async () => {
    const { status, body } = await ask(app.port, '127.0.0.1', { path: '/broken' });
    expect({ status, body }).toEqual({ status: 500, body: 'as intended' });
  });
});
