import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { onTestFinished } from 'vitest';
import { NodeAdapter } from '../../../src/adapter/node/node-adapter.ts';
import type { BoundAddress, RawHandle } from '../../../src/connection.ts';

interface Accepting {
  _handle: { onconnection: (status: number, handle: RawHandle) => void };
}

/** Delivers to `server` the connections that another server accepts, until the test ends. Returns the port of that other one. */
export async function feed(server: Server): Promise<{ adapter: NodeAdapter; port: number }> {
  const outer = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    outer.close();
  });
  await once(outer, 'listening');
  const adapter = new NodeAdapter(server, () => {});
  adapter.listen(outer.address() as BoundAddress, 511);
  (outer as unknown as Accepting)._handle.onconnection = (_status, handle) => adapter.takeHandle(handle);
  return { adapter, port: (outer.address() as AddressInfo).port };
}
