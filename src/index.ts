/**
 * One app on all cores. Every client is always served by the same worker. The default export has what most apps need:
 * `limpet.listen`, `limpet.createRouter`, `limpet.worker` and `limpet.clientAddress`.
 *
 * Errors of configuration and lifecycle are thrown, or reject a promise, as a {@link LimpetError} ([its codes](../errors.md)). An error
 * of one connection is never thrown: limpet counts it and publishes it on a diagnostics channel ({@link DiagnosticPayloads}).
 */
import { clientAddress } from './adapter/proxied-client.js';
import { listen } from './cluster/listen.js';
import { Router } from './cluster/primary/router.js';
import { worker } from './cluster/worker/worker.js';
import { atCaller } from './errors.js';
import type { RouterOptions } from './options.js';

export { clientAddress, type UwsClient } from './adapter/proxied-client.js';
export type { Listenable } from './adapter/recognize.js';
export type { UwsApp } from './adapter/uws/uws-adapter.js';
export type { UwsRequest, UwsResponse } from './affinity/set-cookie.js';
export type {
  Affinity,
  AffinityName,
  AffinityRule,
  CookieRule,
  ForwardedRule,
  ProxyProtocolRule,
  Trust,
} from './affinity-options.js';
export { listen, type OnBound } from './cluster/listen.js';
export type { ClientExplanation, ClientHead } from './cluster/primary/explain.js';
export type { HandoffChoice } from './cluster/primary/listeners/handoff-choice.js';
export type { RestartCause } from './cluster/primary/pool/exit-reason.js';
export type { SlotState } from './cluster/primary/pool/lifecycle.js';
export type { Restart } from './cluster/primary/pool/restart-backoff.js';
export type { Router } from './cluster/primary/router.js';
export type { RouterEvents } from './cluster/primary/router-events.js';
export type {
  ListenerStatus,
  ProcessStatus,
  RingStatus,
  RouterStatus,
  SlotStatus,
} from './cluster/primary/status.js';
export { affinityCookie, writeAffinityCookie } from './cluster/worker/affinity-cookie.js';
export { type LimpetWorker, type WorkerEvents, worker } from './cluster/worker/worker.js';
export type { BoundAddress, ListenAddress } from './connection.js';
export type { DiagnosticPayloads } from './diagnostics.js';
export { type ErrorCode, LimpetError } from './errors.js';
export type { HandoffName } from './handoff/contract.js';
export type { Latencies } from './handoff/latencies.js';
export type { SessionCacheCounts } from './metrics.js';
export type { CheckedRouterOptions, ListenOptions, RouterOptions } from './options.js';

/**
 * Makes a router in a primary that has its own file. The option `exec` names the file of the workers, which calls {@link listen}.
 * This call checks the options. It forks no process and binds no port: `start()` does both.
 *
 * Throws ERR_LIMPET_OPTION, _ROLE (in a worker) or _WORKER_START (the file does not exist).
 */
export function createRouter(options: RouterOptions = {}): Router {
  return atCaller(createRouter, () => new Router(options));
}

const limpet: {
  listen: typeof listen;
  createRouter: typeof createRouter;
  worker: typeof worker;
  clientAddress: typeof clientAddress;
} = {
  listen,
  createRouter,
  worker,
  clientAddress,
};
export default limpet;
