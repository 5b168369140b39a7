import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ListeningHandle } from '../../../src/adapter/node/listening-handle.ts';

interface Internals {
  _handle: ListeningHandle | null;
  _listen2?: ((...args: unknown[]) => void) | undefined;
}
const internals = Server.prototype as unknown as Internals;
const listen2 = internals._listen2;

afterEach(() => {
  internals._listen2 = listen2;
});

/** The result of recognize() in a new process in which Node's `_listen2` is the given one: an adapter's maker or an error. */
async function recognized(changed: Internals['_listen2']): Promise<unknown> {
  vi.resetModules();
  const { recognize } = await import('../../../src/adapter/recognize.ts');
  if (changed) internals._listen2 = changed;
  else delete internals._listen2;
  try {
    return recognize(createServer());
  } catch (error) {
    return error;
  }
}

describe('the internals of Node.js', () => {
  it.each<[string, Internals['_listen2']]>([
    ['server._listen2', undefined],
    ['handle.onconnection', () => {}],
    [
      'server._handle',
      function (this: Internals) {
        this._handle = null;
      },
    ],
    [
      'handle.onconnection(status, handle)',
      function (this: Internals) {
        (this._handle as ListeningHandle).onconnection = () => {};
      },
    ],
    [
      'handle.getsockname',
      function (this: Internals, ...args: unknown[]) {
        listen2?.apply(this, args);
        (this._handle as ListeningHandle).getsockname = () => 0;
      },
    ],
    [
      'a working listening handle (another Node)',
      () => {
        throw new Error('another Node');
      },
    ],
  ])('a Node.js without %s is refused with an error that names it', async (missing, changed) => {
    expect(await recognized(changed)).toMatchObject({
      code: 'ERR_LIMPET_ADAPTER',
      message: expect.stringContaining(`it needs ${missing}, which`),
      facts: { missing, node: process.version },
    });
  });

  it('this Node.js has all of them', async () => {
    expect(await recognized(listen2)).toMatchObject({ kind: 'node', tls: false });
  });
});

describe('ListeningHandle', () => {
  const bound = { address: '127.0.0.1', family: 'IPv4', port: 1 } as const;
  const ignored = (): void => {};

  it('close() calls onClose once, while the server still listens', async () => {
    const server = createServer();
    let closings = 0;
    const handle = new ListeningHandle(server, () => {
      closings += 1;
      expect(server.listening).toBe(true);
    });
    handle.listenAt(bound, 511);
    expect(handle.closed).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    server.close();
    handle.close();
    expect([closings, handle.closed]).toEqual([1, true]);
  });

  it.each([
    [{ path: '/nowhere' }, '/nowhere'],
    [bound, { ...bound }],
    [{ address: '::', family: 'IPv6', port: 2 } as const, { address: '::', family: 'IPv6', port: 2 }],
  ])('a server that listens at %j returns that address', (at, address) => {
    const server = createServer();
    new ListeningHandle(server, ignored).listenAt(at, 511);
    expect(server.address()).toEqual(address);
    server.close();
  });

  it('the server emits listening in the next tick, in the context of the call that made the handle', async () => {
    const context = new AsyncLocalStorage<string>();
    const server = createServer();
    const heard: unknown[] = [];
    server.on('listening', () => heard.push(context.getStore()));
    const handle = context.run('listen', () => new ListeningHandle(server, ignored));
    handle.listenAt(bound, 511);
    expect(heard).toEqual([]);
    await new Promise((resolve) => process.nextTick(resolve));
    expect(heard).toEqual(['listen']);
    server.close();
  });

  it('ref() and unref() of the server do nothing', () => {
    const server = createServer();
    new ListeningHandle(server, ignored).listenAt(bound, 511);
    expect(server.unref()).toBe(server);
    expect(server.ref()).toBe(server);
    server.close();
  });
});
