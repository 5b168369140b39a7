/** The keyed hash for messages of any length. The addon hashes long messages, TypeScript the short ones. */
import { ringBinding } from '../binding/ring-binding.js';
import { type HashKey, hash32 as typescriptHash32 } from '../binding/typescript/hash.js';
import { checkBytes, checkKey } from './checks.js';

/** From this length on, the addon is faster: a call into it costs more than a short hash. bench/micro measures both. */
const NATIVE_BYTES_MIN = 128;

const scratch = new Uint8Array(NATIVE_BYTES_MIN);
const encoder = new TextEncoder();

/**
 * HalfSipHash-1-3 of `bytes` (the variant of SipHash by Aumasson and Bernstein for 32-bit words): a keyed hash of 32 bits. A client that
 * does not know `key` cannot choose its place in a ring. The hash is no message authentication code.
 * @param key exactly 8 bytes.
 * @returns 0 to 2^32 - 1.
 * @throws LimpetError ERR_LIMPET_RING if the key is not a Uint8Array of 8 bytes, or the bytes are not a Uint8Array.
 */
export function hash32(key: Uint8Array, bytes: Uint8Array): number {
  return hashBytes(key, checkKey(key), checkBytes(bytes));
}

/** The same for a checked key and its words. */
export function hashBytes(key: Uint8Array, words: HashKey, bytes: Uint8Array): number {
  return bytes.length < NATIVE_BYTES_MIN ? typescriptHash32(words, bytes) : ringBinding().hash32(key, bytes);
}

/** The same for the UTF-8 bytes of a text. */
export function hashText(key: Uint8Array, words: HashKey, text: string): number {
  if (text.length > NATIVE_BYTES_MIN) return hashBytes(key, words, encoder.encode(text));
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char > 0x7f) return hashBytes(key, words, encoder.encode(text));
    scratch[i] = char;
  }
  return typescriptHash32(words, scratch, text.length);
}
