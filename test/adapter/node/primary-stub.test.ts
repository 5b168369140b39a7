import { createServer, type Server } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { nodePrimaryStub } from '../../../src/adapter/node/primary-stub.ts';
import { LimpetError } from '../../../src/errors.ts';

const address = { address: '127.0.0.1', family: 'IPv4', port: 80 } as const;
let server: Server;
let events: string[];
let closings: number;
let closeRouter: () => Promise<unknown>;
let stub: ReturnType<typeof nodePrimaryStub>;

beforeEach(() => {
  server = createServer();
  [events, closings, closeRouter] = [[], 0, async () => {}];
  for (const event of ['listening', 'close']) server.on(event, () => events.push(event));
  stub = nodePrimaryStub(server, () => {
    closings += 1;
    return closeRouter();
  });
});

describe('a server in the primary', () => {
  it('does not listen before the router does', () => {
    expect([server.listening, server.address(), events]).toEqual([false, null, []]);
  });

  it('listens at the address of the router', () => {
    stub.bound(address);
    expect([server.listening, server.address(), events]).toEqual([true, address, ['listening']]);
    stub.bound({ path: '/run/app' });
    expect(server.address()).toBe('/run/app');
  });

  it('closes the router, and then emits close', async () => {
    stub.bound(address);
    let finish = (_: unknown): void => {};
    closeRouter = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const errors: unknown[] = [];
    expect(server.close((error) => errors.push(error))).toBe(server);
    expect([server.listening, server.address(), closings]).toEqual([false, null, 1]);
    expect(events).toEqual(['listening']);
    finish(undefined);
    await new Promise(setImmediate);
    expect([events, errors]).toEqual([['listening', 'close'], [undefined]]);
  });

  it('gives the callback of close() the error, if the router cannot close', async () => {
    const failure = new Error('no');
    closeRouter = () => Promise.reject(failure);
    const errors: unknown[] = [];
    server.close((error) => errors.push(error));
    await new Promise(setImmediate);
    expect([errors, events]).toEqual([[failure], []]);
  });

  it('emits an error of the router if the app listens for it', () => {
    const error = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken');
    expect(stub.failed(error)).toBe(false);
    const heard: unknown[] = [];
    server.on('error', (each) => heard.push(each));
    expect([stub.failed(error), heard]).toEqual([true, [error]]);
  });
});
