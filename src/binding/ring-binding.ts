/** The ring part of the addon, or its TypeScript implementation. */
import { native } from './native.js';
import { type RingBinding, typescriptRing } from './typescript/ring-calls.js';

let binding: RingBinding | undefined;

/** Loads the addon at the first call. @throws LimpetError ERR_LIMPET_NATIVE if the addon does not load. */
export function ringBinding(): RingBinding {
  binding ??= (native()?.ring as RingBinding | undefined) ?? typescriptRing;
  return binding;
}
