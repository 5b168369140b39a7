/** The ring part of the addon where there is one, else its twin. */
import { native } from './native.js';
import { twinRing } from './twin/ring-calls.js';
let binding;
/** Loads the addon at the first call. @throws LimpetError ERR_LIMPET_NATIVE when one is there and does not load. */
export function ringBinding() {
    binding ??= native()?.ring ?? twinRing;
    return binding;
}
