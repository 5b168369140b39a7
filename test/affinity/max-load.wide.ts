import { afterEach, describe, expect, test } from 'vitest';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import { checkRouterOptions, type RouterOptions } from '../../src/options.ts';
import { type App, startApp } from '../processes/app.js';
import { RawConnection } from '../processes/raw.js';
import { request } from './heads.ts';

const maxLoad = 1.25;
const workers = 4;
const clients = 40;

let app: App | undefined;
const open: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of open.splice(0)) socket.destroy();
  await app?.stop();
  app = undefined;
});

async function start(options: RouterOptions): Promise<number> {
  app = startApp('apps/clients/heads.js', {
    env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers, maxLoad, ...options }) },
  });
  const { port } = await app.hears('listening');
  await app.hears('ready', undefined, workers);
  return port as number;
}

/** Sends two requests on a new connection, which stays open. Returns the slot that answered both. */
async function slotOf(port: number, ...lines: string[]): Promise<number> {
  const connection = new RawConnection(port);
  open.push(connection);
  await connection.write(request('/', ...lines));
  const [, first] = await connection.until(/"slot":(\d).*\}/);
  await connection.write(request('/', ...lines));
  const [, again] = await connection.until(/"slot":\d(?:.|\s)*"slot":(\d).*\}/);
  expect(again).toBe(first);
  return Number(first);
}

describe.each(['fd', 'ipc'] as const)('%s', (handoff) => {
  test.each([
    ['address', []],
    [{ header: 'x-user' }, ['x-user: everybody']],
  ] as const)('with affinity %o, one client fills no slot beyond its bound', async (affinity, lines) => {
    const port = await start({ handoff, affinity });
    const taken = new Array<number>(workers).fill(0);
    for (let i = 1; i <= clients; i++) {
      const slot = await slotOf(port, ...lines);
      taken[slot] = (taken[slot] as number) + 1;
      expect(taken[slot]).toBeLessThanOrEqual(Math.ceil((maxLoad * i) / workers));
    }
    expect(Math.min(...taken)).toBeGreaterThan(0);
  });
});

test('auto takes fd for maxLoad, and the status says why', async () => {
  app = startApp('apps/routers/router.cjs', { env: { LIMPET_TEST_OPTIONS: JSON.stringify({ maxLoad }) } });
  await app.hears('started');
  app.say('status');
  const { result } = (await app.hears('status')) as unknown as { result: RouterStatus };
  expect(result.handoff).toEqual({
    name: 'fd',
    reason: 'maxLoad needs the number of connections of each worker, and kernel does not count them',
  });
});

test('a maxLoad under 1.05, and maxLoad with kernel, are refused', async () => {
  expect(() => checkRouterOptions({ maxLoad: 1.01 })).toThrow(
    /maxLoad: got 1.01, expected a number from 1.05/,
  );
  app = startApp('apps/clients/heads.js', {
    env: { LIMPET_TEST_OPTIONS: JSON.stringify({ maxLoad, handoff: 'kernel' }) },
  });
  await app.ended;
  expect(app.output).toMatch(/ERR_LIMPET_HANDOFF_UNSUPPORTED/);
});
