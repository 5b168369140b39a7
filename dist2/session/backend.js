import { LimpetError } from '../errors.js';
/** The error of a store that does not answer: what `onStoreDown` is about. */
export function storeAway(message, facts = {}, cause) {
    return new LimpetError('ERR_LIMPET_STORE', message, { ...facts, away: true }, cause);
}
export function isStoreAway(error) {
    return error instanceof LimpetError && error.code === 'ERR_LIMPET_STORE' && error.facts.away === true;
}
/** The error of a store that answered, and refused. */
export function storeRefused(message, facts = {}, cause) {
    return new LimpetError('ERR_LIMPET_STORE', message, facts, cause);
}
export function storeClosed() {
    return new LimpetError('ERR_LIMPET_CLOSED', 'The session store is closed: make a new one to go on.');
}
