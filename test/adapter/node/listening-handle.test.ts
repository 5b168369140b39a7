import { createServer, Server } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { ListeningHandle } from '../../../src/adapter/node/listening-handle.ts';
import { NodeAdapter } from '../../../src/adapter/node/node-adapter.ts';

interface Insides {
  _handle: ListeningHandle | null;
  _listen2?: ((...args: unknown[]) => void) | undefined;
}
const insides = Server.prototype as unknown as Insides;
const listen2 = insides._listen2;

afterEach(() => {
  insides._listen2 = listen2;
});

/** What a fresh process would say of a server, were Node's own `_listen2` the given one. */
async function refusal(changed: Insides['_listen2']): Promise<unknown> {
  vi.resetModules();
  const { nodeServerOf } = await import('../../../src/adapter/node/node-server.ts');
  if (changed) insides._listen2 = changed;
  else delete insides._listen2;
  try {
    return nodeServerOf(createServer(), () => createServer());
  } catch (error) {
    return error;
  }
}

it.each<[string, Insides['_listen2']]>([
  ['server._listen2', undefined],
  ['handle.onconnection', () => {}],
  [
    'server._handle',
    function (this: Insides) {
      this._handle = null;
    },
  ],
  [
    'handle.onconnection(status, handle)',
    function (this: Insides) {
      (this._handle as ListeningHandle).onconnection = () => {};
    },
  ],
  [
    'a way in (another Node)',
    () => {
      throw new Error('another Node');
    },
  ],
])('refuses a server, and says why, in a Node.js without %s', async (missing, changed) => {
  expect(await refusal(changed)).toMatchObject({
    code: 'ERR_LIMPET_ADAPTER',
    message: expect.stringContaining(missing),
    facts: { missing, node: process.version },
  });
});

it('finds all it needs in this Node.js', async () => {
  expect(await refusal(listen2)).toBeInstanceOf(Server);
});

it('survives a descriptor that is none', () => {
  const server = createServer();
  const adapter = new NodeAdapter(server, () => {});
  adapter.listen({ address: '127.0.0.1', family: 'IPv4', port: 1 }, 511);
  adapter.takeDescriptor(9999);
  expect(adapter.open).toBe(0);
  server.close();
});

it('tells once that the server was closed, from within close()', async () => {
  const server = createServer();
  let closings = 0;
  const fed = new ListeningHandle(server, () => {
    closings += 1;
    expect(server.listening).toBe(true);
  });
  fed.listenAt({ path: '/nowhere' }, 511);
  expect(server.address()).toBe('/nowhere');
  await new Promise((resolve) => server.close(resolve));
  server.close();
  expect(closings).toBe(1);
});
