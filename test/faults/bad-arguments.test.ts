import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from '../../src/cluster/listen.ts';
import { Router } from '../../src/cluster/primary/router.ts';
import type { LimpetError } from '../../src/errors.ts';

const exec = fileURLToPath(new URL('../fixtures/apps/routers/router-worker.cjs', import.meta.url));
const secret = 'nobody may ever read this';
let router: Router | undefined;
afterEach(async () => {
  await router?.close();
  router = undefined;
});

describe('a router', () => {
  it.each([Number.NaN, 0, -3, 1.5, 257, '2'])('refuses to reload with parallel %o', async (parallel) => {
    router = new Router({ exec, workers: 1, handoff: 'ipc', signals: false });
    await expect(router.reload({ parallel: parallel as number })).rejects.toMatchObject({
      code: 'ERR_LIMPET_OPTION',
      message: expect.stringContaining('option of reload() parallel'),
    });
  });

  it.each(['kernel', 'fd', 'ipc'] as const)('binds an address without a backlog, by %s', async (handoff) => {
    router = new Router({ exec, workers: 1, handoff, signals: false });
    const bound = await router.listen({ host: '127.0.0.1', port: 0 } as never);
    expect(bound).toMatchObject({ address: '127.0.0.1', port: expect.any(Number) });
  });

  it.each([{}, { port: -1 }, { port: '80' }, { port: 80, backlog: 'many' }, { port: 80, prot: 1 }])(
    'refuses the address %o',
    (address) => {
      const own = new Router({ exec, workers: 1, handoff: 'ipc', signals: false });
      router = own;
      expect(() => own.listen(address as never)).toThrow(
        expect.objectContaining({ code: 'ERR_LIMPET_OPTION' }),
      );
    },
  );
});

describe('a second listen()', () => {
  const where = { port: 0, host: '127.0.0.1' };
  const options = { exec, workers: 1, secret, env: { TOKEN: 'hidden too' }, signals: false } as const;

  it('takes the same options in another order, and shows no value of others', async () => {
    const server = createServer();
    server.on('error', () => {});
    await new Promise<void>((bound) => void listen(server, where, options, () => bound()));
    const reversed = Object.fromEntries(Object.entries(options).reverse());
    const second = createServer();
    await new Promise<void>((bound) => void listen(second, where, reversed, () => bound()));
    let thrown: LimpetError | undefined;
    try {
      listen(createServer(), where, { workers: 2, secret: `${secret}!` });
    } catch (error) {
      thrown = error as LimpetError;
    }
    expect(thrown).toMatchObject({ code: 'ERR_LIMPET_OPTION' });
    expect(thrown?.facts).toEqual({ options: ['exec', 'workers', 'secret', 'env', 'signals'] });
    const shown = inspect(thrown, { depth: 9 }) + JSON.stringify(thrown);
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain('hidden too');
    await new Promise<void>((closed) => void server.close(() => closed()));
  });
});
