import { LimpetError } from '../errors.js';
/** What a person would call the address. */
function addressText(address) {
    return 'path' in address ? address.path : `${address.host ?? '*'}:${address.port}`;
}
/** The system's refusal to bind or listen, in words that say what to do. */
export function bindError(error, address) {
    const where = addressText(address);
    const facts = { address: where, systemCode: error.code };
    switch (error.code) {
        case 'EADDRINUSE':
            return new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', `cannot listen on ${where}: another process, or another router, has it. End that process or choose another port.`, facts, error);
        case 'EACCES':
        case 'EPERM':
            return new LimpetError('ERR_LIMPET_ADDRESS_DENIED', `cannot listen on ${where}: not permitted for this user. Choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE.`, facts, error);
        default:
            return new LimpetError('ERR_LIMPET_ADDRESS_UNAVAILABLE', `cannot listen on ${where}: ${error.code ?? error.message}. Expected an address of this machine; check the host.`, facts, error);
    }
}
