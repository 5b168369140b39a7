import { type RingBinding } from './twin/ring-calls.js';
/** Loads the addon at the first call. @throws LimpetError ERR_LIMPET_NATIVE when one is there and does not load. */
export declare function ringBinding(): RingBinding;
