import { clientAddress } from './adapter/client-address.js';
import { listen } from './cluster/listen.js';
import { Router } from './cluster/primary.js';
import { worker } from './cluster/worker.js';
import { atCaller } from './errors.js';
export { clientAddress } from './adapter/client-address.js';
export { listen } from './cluster/listen.js';
export { worker } from './cluster/worker.js';
export { LimpetError } from './errors.js';
/** A router in a primary that is a file of its own. Throws ERR_LIMPET_OPTION, _ROLE, _WORKER_START. */
export function createRouter(options = {}) {
    return atCaller(createRouter, () => new Router(options));
}
const limpet = {
    listen,
    createRouter,
    worker,
    clientAddress,
};
export default limpet;
