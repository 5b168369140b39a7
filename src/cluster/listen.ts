import cluster from 'node:cluster';
import { isDeepStrictEqual } from 'node:util';
import type { PrimaryStub } from '../adapter/contract.js';
import { type Listenable, recognize } from '../adapter/recognize.js';
import type { BoundAddress } from '../connection.js';
import { atCaller, LimpetError } from '../errors.js';
import { checkListenAddress, type ListenOptions, type RouterOptions } from '../options.js';
import { Router } from './primary/router.js';
import { worker } from './worker/worker.js';

/** Called with the address at which a listener is bound. */
export type OnBound = (address: BoundAddress) => void;

/** The router that all listen() calls of this primary share. */
let shared: { router: Router; options: RouterOptions } | undefined;

/**
 * Serves `server` from several worker processes. Each client is always served by the same one.
 *
 * In the primary, it forks the workers before it returns, starts to bind the address and returns false. It calls `bound` when the
 * address is bound. A Node server serves nobody there: it emits 'listening', `server.address()` returns the address, and
 * `server.close()` closes the router. `app.close()` of a uWebSockets.js app closes the router too. If the address cannot be bound
 * or no worker becomes ready, every worker is ended and the Node server emits 'error' with a LimpetError. Without a listener for
 * 'error', its text is printed and the process exits with code 1.
 *
 * In a worker, `server` serves the clients of this worker's slot, and listen() returns true. If the app closes the server, the
 * worker drains and is replaced.
 *
 * Throws ERR_LIMPET_OPTION, _ADAPTER, _ROLE, _WORKER_START, _CLOSED.
 */
export function listen(
  server: Listenable,
  where: number | string | ListenOptions,
  options?: RouterOptions | OnBound,
  bound?: OnBound,
): boolean {
  const [routerOptions, onBound] = typeof options === 'function' ? [{}, options] : [options ?? {}, bound];
  return atCaller(listen, () => listenInProcess(server, where, routerOptions, onBound));
}

function listenInProcess(
  server: Listenable,
  where: number | string | ListenOptions,
  options: RouterOptions,
  onBound: OnBound | undefined,
): boolean {
  const address = checkListenAddress(where);
  const appServer = recognize(server);
  if (cluster.isWorker) {
    worker.listen(appServer, address);
    return true;
  }
  const router = sharedRouter(options);
  const stub = appServer.primaryStub(() => router.close());
  let hasFailed = false;
  const onFailed = (error: LimpetError) => {
    if (!hasFailed) fail(router, stub, error);
    hasFailed = true;
  };
  router.on('error', (error) => {
    if (router.status().state === 'closed') onFailed(error);
  });
  router.start().catch((error: LimpetError) => {
    if (error.code !== 'ERR_LIMPET_CLOSED') onFailed(error);
  });
  router.listen(address, { kind: appServer.kind, tls: appServer.tls }).then((boundAddress) => {
    stub.bound(boundAddress);
    onBound?.(boundAddress);
  }, onFailed);
  return false;
}

function sharedRouter(options: RouterOptions): Router {
  if (!shared) {
    const router = new Router(options);
    shared = { router, options };
    // A router that serves goes on after an error, such as a crash loop of one slot. The error that closed a router ends its start.
    router.on('error', (error) => {
      if (router.status().state !== 'closed') print(error);
    });
    router.once('closed', () => {
      shared = undefined;
    });
  } else {
    const differing = differingOptions(shared.options, options);
    if (Object.keys(options).length > 0 && differing.length > 0) throw otherOptions(differing);
  }
  return shared.router;
}

/** The names of the options that differ, whatever their order. */
function differingOptions(one: RouterOptions, other: RouterOptions): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof RouterOptions>;
  return [...names].filter((name) => !isDeepStrictEqual(one[name], other[name]));
}

/** Names the options and shows no value: `secret` and `env` are nobody's business. */
function otherOptions(differing: readonly string[]): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `a second listen() has other options than the first (${differing.join(', ')}). All listeners share the workers. Give options to the first listen() only.`,
    { options: differing },
  );
}

function fail(router: Router, stub: PrimaryStub, error: LimpetError): void {
  router.kill(error.message);
  router.close(error.message).then(() => {
    if (stub.failed(error)) return;
    print(error);
    process.exit(1);
  });
}

function print({ message, code }: LimpetError): void {
  process.stderr.write(`limpet: ${message} (${code})\n`);
}
