import cluster from 'node:cluster';
import type { PrimaryStub } from '../adapter/contract.js';
import { type Listenable, recognize } from '../adapter/recognize.js';
import type { BoundAddress, ListenAddress } from '../connection.js';
import { atCaller, LimpetError } from '../errors.js';
import { checkListenOptions, type ListenOptions, type RouterOptions } from '../options.js';
import { Router } from './primary/router.js';
import { worker } from './worker/worker.js';

/** Is told where a listener is bound. */
export type OnBound = (address: BoundAddress) => void;

/** The router that all listen() calls of this primary share. */
let shared: { router: Router; options: string } | undefined;

/**
 * Serves `server` from several worker processes, each client always by the same one.
 *
 * In the primary: forks the workers before it returns, binds the address, returns false. Once it is bound, calls `bound`. A Node
 * server does not serve there; it emits 'listening', `server.address()` tells where, and `server.close()` closes the router, as
 * `app.close()` of a uWebSockets.js app does. If the address cannot be bound, or no worker can be brought up, every worker is
 * ended and the Node server emits 'error' with a LimpetError; with nobody listening for it, its text is printed and the process
 * exits with code 1.
 *
 * In a worker: `server` serves the clients of this worker's slot, returns true. Closing it makes the worker drain and be replaced.
 *
 * Throws ERR_LIMPET_OPTION, _ADAPTER, _ROLE, _WORKER_START, _CLOSED.
 */
export function listen(
  server: Listenable,
  where: number | string | ListenOptions,
  options?: RouterOptions | OnBound,
  bound?: OnBound,
): boolean {
  const [given, then] = typeof options === 'function' ? [{}, options] : [options ?? {}, bound];
  return atCaller(listen, () => listenHere(server, where, given, then));
}

function listenHere(
  server: Listenable,
  where: number | string | ListenOptions,
  options: RouterOptions,
  bound: OnBound | undefined,
): boolean {
  const address = toAddress(where);
  const served = recognize(server);
  if (cluster.isWorker) {
    worker.listen(served, address);
    return true;
  }
  const router = sharedRouter(options);
  const face = served.primaryStub(() => router.close());
  const failed = (error: LimpetError) => fail(router, face, error);
  router.once('error', failed);
  router.start().catch(() => {});
  router.listen(address, { kind: served.kind, tls: served.tls }).then((at) => {
    face.bound(at);
    bound?.(at);
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

function fail(router: Router, face: PrimaryStub, error: LimpetError): void {
  router.kill(error.message);
  router.close(error.message).then(() => {
    if (face.failed(error)) return;
    process.stderr.write(`limpet: ${error.message} (${error.code})\n`);
    process.exit(1);
  });
}
