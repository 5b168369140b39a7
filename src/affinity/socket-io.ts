/** Affinity by Engine.IO session: the `sid` contains the slot and generation of its worker, authenticated by a tag. No state is kept for it. */
import { randomFillSync } from 'node:crypto';
import { headBinding } from '../binding/head-binding.js';

/**
 * Returns a function that makes session ids for the worker with this `slot` and `generation` (both 0 to 255). An id has 20 characters of
 * Engine.IO's own alphabet and 64 random bits.
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
