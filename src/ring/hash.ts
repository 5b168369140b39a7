/** The public face of limpet's keyed hash. */
import { ringBinding } from '../binding/ring-binding.js';
import * as twin from '../binding/twin/hash.js';
import { LimpetError } from '../errors.js';

/** The length of a hash key. */
export const KEY_BYTES = 8;

/** Above this the native hash is the faster one: what it saves a byte pays for the crossing. */
const NATIVE_BYTES_MIN = 256;

/**
 * HalfSipHash-1-3: 32 bits, keyed, fast. It spreads keys so that nobody without `key` can aim at a place; it is no
 * message authentication code.
 * @param key exactly 8 bytes.
 * @returns 0 to 2^32 - 1.
 * @throws LimpetError ERR_LIMPET_RING when the key is no Uint8Array of 8 bytes.
 */
export function hash32(key: Uint8Array, bytes: Uint8Array): number {
  const words = readHashKey(key);
  return bytes.length < NATIVE_BYTES_MIN ? twin.hash32(words, bytes) : ringBinding().hash32(key, bytes);
}

/** The words of a key that a user gave. @throws LimpetError ERR_LIMPET_RING when it is no Uint8Array of 8 bytes. */
export function readHashKey(key: Uint8Array): twin.HashKey {
  if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
    const given = key instanceof Uint8Array ? `${key.length} bytes` : typeof key;
    throw new LimpetError('ERR_LIMPET_RING', `key is ${given}; expected a Uint8Array of ${KEY_BYTES} bytes`, {
      expectedBytes: KEY_BYTES,
    });
  }
  return twin.hashKey(key);
}
