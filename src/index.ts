/**
 * One app on all cores, each client always served by the same worker. What most apps need is also in the default export:
 * `limpet.listen`, `limpet.createRouter`, `limpet.worker` and `limpet.clientAddress`.
 *
 * Configuration and lifecycle throw or reject with a {@link LimpetError} ([its codes](../errors.md)). What befalls one connection
 * never does: it is counted, and published on a diagnostics channel ({@link DiagnosticPayloads}).
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
 * A router, in a primary that is a file of its own: `exec` names the workers' file, which calls {@link listen}. Everything that can be
 * checked is checked here; no process is forked and nothing is bound before `start()`.
 *
 * Throws ERR_LIMPET_OPTION, _ROLE (in a worker), _WORKER_START (no such file).
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
