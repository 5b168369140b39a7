import cluster from 'node:cluster';
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { nodeServerOf } from '../adapter/node.js';
import type { BoundAddress, ListenAddress } from '../connection.js';
import { atCaller, LimpetError } from '../errors.js';
import { checkListenOptions, type ListenOptions, type RouterOptions } from '../options.js';
import { Router } from './primary.js';
import { worker } from './worker.js';

/** A net, http, https or http2 server, a request handler such as an Express app, or an object that has a server. */
export type Listenable = Server | ((...args: never[]) => unknown) | { readonly server: Server };

/** The router that all listen() calls of this primary share. */
let shared: { router: Router; options: string } | undefined;

/**
 * Serves `server` from several worker processes, each client always by the same one.
 *
 * In the primary: forks the workers before it returns, binds the address, returns false. `server` does not serve there; it emits
 * 'listening' once the port is bound, `server.address()` tells where, and `server.close()` closes the router. If the address
 * cannot be bound, or no worker can be brought up, every worker is ended and `server` emits 'error' with a LimpetError;
 * with nobody listening for it, its text is printed and the process exits with code 1.
 *
 * In a worker: `server` serves the clients of this worker's slot, returns true.
 *
 * Throws ERR_LIMPET_OPTION, _ADAPTER, _ROLE, _WORKER_START, _CLOSED.
 */
export function listen(
  server: Listenable,
  where: number | string | ListenOptions,
  options: RouterOptions = {},
): boolean {
  return atCaller(listen, () => listenHere(server, where, options));
}

function listenHere(
  server: Listenable,
  where: number | string | ListenOptions,
  options: RouterOptions,
): boolean {
  const address = toAddress(where);
  const nodeServer = nodeServerOf(server, (handler) => createServer(handler));
  if (cluster.isWorker) {
    worker.listen(nodeServer, address);
    return true;
  }
  const router = sharedRouter(options);
  const failed = (error: LimpetError) => fail(router, nodeServer, error);
  const face = primaryFace(nodeServer, router);
  router.once('error', failed);
  router.start().catch(() => {});
  router.listen(address).then((bound) => {
    face.bound(bound);
    nodeServer.emit('listening');
  }, failed);
  return false;
}

function toAddress(where: number | string | ListenOptions): ListenAddress {
  const { port, host, path, backlog, ipv6Only } = checkListenOptions(where);
  return path === undefined ? { port, host, ipv6Only, backlog } : { path, backlog };
}

function sharedRouter(options: RouterOptions): Router {
  const given = JSON.stringify(options);
  if (!shared) {
    const router = new Router(options);
    shared = { router, options: given };
    router.once('closed', () => {
      shared = undefined;
    });
  } else if (given !== '{}' && given !== shared.options) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'a second listen() has other options than the first; all listeners share the workers. Give the options to the first only.',
      { first: JSON.parse(shared.options), second: options },
    );
  }
  return shared.router;
}

/** In the primary the app's server object only speaks for the router. */
function primaryFace(server: Server, router: Router): { bound: (address: BoundAddress) => void } {
  let address: BoundAddress | null = null;
  Object.defineProperties(server, {
    address: { configurable: true, value: () => (address && 'path' in address ? address.path : address) },
    listening: { configurable: true, get: () => address !== null },
    close: {
      configurable: true,
      value: (callback?: (error?: Error) => void) => {
        address = null;
        router.close().then(() => {
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
    },
  };
}

function fail(router: Router, server: Server, error: LimpetError): void {
  router.kill(error.message);
  router.close(error.message).then(() => {
    if (server.listenerCount('error') > 0) server.emit('error', error);
    else {
      process.stderr.write(`limpet: ${error.message} (${error.code})\n`);
      process.exit(1);
    }
  });
}
