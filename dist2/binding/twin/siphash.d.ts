/** SipHash-2-4 (Aumasson and Bernstein, 2012), 64 bits out, in the arithmetic of the paper. */
/** `key` has 16 bytes; the answer 8, least significant first. */
export declare function sipHash24(key: Uint8Array, message: Uint8Array): Uint8Array;
