/** The ring part of the addon where there is one, else its twin. */
import { native } from './native.js';
import { type RingBinding, typescriptRing } from './typescript/ring-calls.js';

let binding: RingBinding | undefined;

/** Loads the addon at the first call. @throws LimpetError ERR_LIMPET_NATIVE when one is there and does not load. */
export function ringBinding(): RingBinding {
  binding ??= (native()?.ring as RingBinding | undefined) ?? typescriptRing;
  return binding;
}
