/**
 * HalfSipHash: a keyed 32-bit hash made of 32-bit additions, rotations and exclusive-ors
 * (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; https://github.com/veorq/SipHash).
 * limpet uses the variant "1-3": one round for each word and three at the end. The Linux kernel's hsiphash uses the same on 32-bit machines.
 * The hash only spreads clients over a ring. With 32 bits it is no message authentication code.
 */

/** The two halves of an 8-byte key, each little-endian, as 32-bit integers. */
export interface HashKey {
  readonly k0: number;
  readonly k1: number;
}

/** The two words of a key of exactly 8 bytes. The caller has checked the length. */
export function hashKey(bytes: Uint8Array): HashKey {
  return { k0: wordAt(bytes, 0), k1: wordAt(bytes, 4) };
}

/** HalfSipHash-c-d of the first `length` bytes, 0 to 2^32 - 1: `c` rounds for each word and `d` rounds at the end. */
export function halfSipHash(c: number, d: number, key: HashKey, bytes: Uint8Array, length: number): number {
  const words = length >>> 2;
  let v0 = key.k0;
  let v1 = key.k1;
  let v2 = key.k0 ^ 0x6c796765;
  let v3 = key.k1 ^ 0x74656462;
  for (let step = 0; step <= words + 1; step++) {
    const word = step < words ? wordAt(bytes, step * 4) : step === words ? lastWord(bytes, length) : 0;
    if (step === words + 1) v2 ^= 0xff;
    v3 ^= word;
    for (let round = step > words ? d : c; round > 0; round--) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

/** HalfSipHash-1-3 of the first `length` bytes, 0 to 2^32 - 1. */
export function hash32(key: HashKey, bytes: Uint8Array, length: number = bytes.length): number {
  return halfSipHash(1, 3, key, bytes, length);
}

/** HalfSipHash-1-3 of the 8 bytes of `w0` and `w1`, each little-endian: {@link hash32}, unrolled for speed. */
export function hashWords(k0: number, k1: number, w0: number, w1: number): number {
  let v0 = k0;
  let v1 = k1;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  for (let step = 0; step < 6; step++) {
    const word = step === 0 ? w0 : step === 1 ? w1 : step === 2 ? 8 << 24 : 0;
    if (step === 3) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The bytes after the last whole word, and in the top byte the length modulo 256. */
function lastWord(bytes: Uint8Array, length: number): number {
  let word = length << 24;
  for (let at = length & ~3, shift = 0; at < length; at++, shift += 8) {
    word |= (bytes[at] as number) << shift;
  }
  return word;
}
