import { type Listenable } from '../adapter/recognize.js';
import type { BoundAddress } from '../connection.js';
import { type ListenOptions, type RouterOptions } from '../options.js';
/** Is told where a listener is bound. */
export type OnBound = (address: BoundAddress) => void;
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
export declare function listen(server: Listenable, where: number | string | ListenOptions, options?: RouterOptions | OnBound, bound?: OnBound): boolean;
