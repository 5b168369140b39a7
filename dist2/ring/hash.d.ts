import * as twin from '../binding/twin/hash.js';
/**
 * HalfSipHash-1-3 of `bytes`: 32 bits, keyed. It spreads keys so that who does not know `key` cannot aim; it is no
 * message authentication code.
 * @param key exactly 8 bytes.
 * @returns 0 to 2^32 - 1.
 * @throws LimpetError ERR_LIMPET_RING when the key is no Uint8Array of 8 bytes, or the bytes are no Uint8Array.
 */
export declare function hash32(key: Uint8Array, bytes: Uint8Array): number;
/** The same for a key whose words were read before. */
export declare function hashBytes(key: Uint8Array, words: twin.HashKey, bytes: Uint8Array): number;
/** The same for the UTF-8 bytes of a text. */
export declare function hashText(key: Uint8Array, words: twin.HashKey, text: string): number;
