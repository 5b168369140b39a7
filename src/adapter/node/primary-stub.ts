import type { Server } from 'node:net';
import type { BoundAddress } from '../../connection.js';
import type { PrimaryStub } from '../contract.js';

/**
 * Makes a Node server in the primary represent the router, although it serves nothing there. `address()`, `listening`, 'listening'
 * and 'error' report the router's state, and `close()` closes the router by `close`.
 */
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
