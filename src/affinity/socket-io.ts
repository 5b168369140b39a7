/** Affinity by Engine.IO session: the `sid` itself carries the process it lives in, sealed; nothing is kept anywhere. */
import { randomFillSync } from 'node:crypto';
import { headBinding } from '../binding/head-binding.js';

/**
 * Makes session ids for the process with this `slot` and `generation` (both 0 to 255): 20 characters of the
 * alphabet that Engine.IO's own ids have, 64 bits of them at random.
 * @param key 16 bytes, the same in every worker and in the primary.
 */
export function sidMaker(key: Uint8Array, slot: number, generation: number): () => string {
  const { sipHash24 } = headBinding();
  const bytes = Buffer.alloc(15);
  const sealed = bytes.subarray(0, 10);
  bytes[8] = slot;
  bytes[9] = generation;
  return () => {
    randomFillSync(bytes, 0, 8);
    bytes.set(sipHash24(key, sealed).subarray(0, 5), 10);
    return bytes.toString('base64url');
  };
}
