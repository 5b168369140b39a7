/**
 * HalfSipHash: a keyed 32-bit hash made of 32-bit adds, rotates and xors
 * (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; https://github.com/veorq/SipHash).
 * limpet uses it with one round a word and three at the end, "1-3", as the Linux kernel's hsiphash does on
 * 32-bit machines. It spreads clients over a ring and nothing else: 32 bits are no message authentication code.
 */
/** The two halves of an 8-byte key, each little-endian, as 32-bit integers. */
export interface HashKey {
    readonly k0: number;
    readonly k1: number;
}
/** Reads the two words of a key of exactly 8 bytes; the caller has checked the length. */
export declare function hashKey(bytes: Uint8Array): HashKey;
/** HalfSipHash-c-d of the first `length` bytes, 0 to 2^32 - 1: `c` rounds for each word, `d` at the end. */
export declare function halfSipHash(c: number, d: number, key: HashKey, bytes: Uint8Array, length: number): number;
/** HalfSipHash-1-3 of the first `length` bytes, 0 to 2^32 - 1. */
export declare function hash32(key: HashKey, bytes: Uint8Array, length?: number): number;
/** HalfSipHash-1-3 of the 8 bytes that `w0` and `w1` are, each little-endian: {@link hash32}, unrolled for speed. */
export declare function hashWords(k0: number, k1: number, w0: number, w1: number): number;
