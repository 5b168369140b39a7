import { clientAddress } from './adapter/client-address.js';
import { listen } from './cluster/listen.js';
import { Router } from './cluster/primary.js';
import { worker } from './cluster/worker.js';
import { atCaller } from './errors.js';
import type { RouterOptions } from './options.js';

export { clientAddress } from './adapter/client-address.js';
export type { Listenable } from './adapter/recognize.js';
export type { UwsApp } from './adapter/uws.js';
export { affinityCookie, writeAffinityCookie } from './cluster/affinity-cookie.js';
export type { ClientExplanation, ClientHead } from './cluster/explain.js';
export { listen, type OnBound } from './cluster/listen.js';
export type { Router } from './cluster/primary.js';
export type { RouterEvents } from './cluster/router-events.js';
export type {
  ListenerStatus,
  ProcessStatus,
  RingStatus,
  RouterStatus,
  SlotStatus,
} from './cluster/status.js';
export { type LimpetWorker, type WorkerEvents, worker } from './cluster/worker.js';
export type { BoundAddress } from './connection.js';
export { type ErrorCode, LimpetError } from './errors.js';
export type { ListenOptions, RouterOptions } from './options.js';

/** A router in a primary that is a file of its own. Throws ERR_LIMPET_OPTION, _ROLE, _WORKER_START. */
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
