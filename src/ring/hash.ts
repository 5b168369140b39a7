/** The keyed hash, for keys of any length: whichever of native and twin is the faster. */
import { ringBinding } from '../binding/ring-binding.js';
import * as twin from '../binding/typescript/hash.js';
import { checkBytes, checkKey } from './checks.js';

/** From this length on native is faster: what it saves pays for the crossing. bench/micro shows it. */
const NATIVE_BYTES_MIN = 128;

const scratch = new Uint8Array(NATIVE_BYTES_MIN);
const encoder = new TextEncoder();

/**
 * HalfSipHash-1-3 of `bytes` (SipHash by Aumasson and Bernstein, its variant for 32-bit words): 32 bits, keyed. It spreads keys so
 * that who does not know `key` cannot aim; it is no message authentication code.
 * @param key exactly 8 bytes.
 * @returns 0 to 2^32 - 1.
 * @throws LimpetError ERR_LIMPET_RING when the key is no Uint8Array of 8 bytes, or the bytes are no Uint8Array.
 */
export function hash32(key: Uint8Array, bytes: Uint8Array): number {
  return hashBytes(key, checkKey(key), checkBytes(bytes));
}

/** The same for a key whose words were read before. */
export function hashBytes(key: Uint8Array, words: twin.HashKey, bytes: Uint8Array): number {
  return bytes.length < NATIVE_BYTES_MIN ? twin.hash32(words, bytes) : ringBinding().hash32(key, bytes);
}

/** The same for the UTF-8 bytes of a text. */
export function hashText(key: Uint8Array, words: twin.HashKey, text: string): number {
  if (text.length > NATIVE_BYTES_MIN) return hashBytes(key, words, encoder.encode(text));
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char > 0x7f) return hashBytes(key, words, encoder.encode(text));
    scratch[i] = char;
  }
  return twin.hash32(words, scratch, text.length);
}
