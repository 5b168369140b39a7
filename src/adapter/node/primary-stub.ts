import type { Server } from 'node:net';
import type { BoundAddress } from '../../connection.js';
import type { PrimaryStub } from '../contract.js';

/** In the primary a Node server tells of the router what it would tell of itself: 'listening', address(), close(), 'error'. */
export function nodePrimaryStub(server: Server, close: () => Promise<unknown>): PrimaryStub {
  let address: BoundAddress | null = null;
  Object.defineProperties(server, {
    address: { configurable: true, value: () => (address && 'path' in address ? address.path : address) },
    listening: { configurable: true, get: () => address !== null },
    close: {
      configurable: true,
      value: (callback?: (error?: Error) => void) => {
        address = null;
        close().then(() => {
          server.emit('close');
          callback?.();
        }, callback);
        return server;
      },
    },
  });
  return {
    bound: (bound) => {
      address = bound;
      server.emit('listening');
    },
    failed: (error) => server.listenerCount('error') > 0 && server.emit('error', error),
  };
}
