import { clientAddress } from './adapter/client-address.js';
import { listen } from './cluster/listen.js';
import { Router } from './cluster/primary.js';
import { worker } from './cluster/worker.js';
import type { RouterOptions } from './options.js';
export { clientAddress } from './adapter/client-address.js';
export type { Listenable } from './adapter/recognize.js';
export type { UwsApp } from './adapter/uws.js';
export { listen, type OnBound } from './cluster/listen.js';
export type { Router, RouterEvents } from './cluster/primary.js';
export type { ListenerStatus, ProcessStatus, RouterStatus, SlotStatus } from './cluster/status.js';
export { type LimpetWorker, type WorkerEvents, worker } from './cluster/worker.js';
export type { BoundAddress } from './connection.js';
export { type ErrorCode, LimpetError } from './errors.js';
export type { ListenOptions, RouterOptions } from './options.js';
/** A router in a primary that is a file of its own. Throws ERR_LIMPET_OPTION, _ROLE, _WORKER_START. */
export declare function createRouter(options?: RouterOptions): Router;
declare const limpet: {
    listen: typeof listen;
    createRouter: typeof createRouter;
    worker: typeof worker;
    clientAddress: typeof clientAddress;
};
export default limpet;
