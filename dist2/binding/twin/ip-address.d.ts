/** Addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d: one form for one address, however it was written. */
import type { PackedPrefixes } from './affinity-chain.js';
/** The bytes of an address in text; undefined when it is none. No zone, no brackets, no port. */
export declare function parseAddress(text: string): Uint8Array | undefined;
/** Whether one of the prefixes holds the address. */
export declare function containsAny(prefixes: PackedPrefixes, address: Uint8Array): boolean;
/**
 * The IPv4 address that `text` from `from` on is, first octet most significant: four decimal numbers without leading
 * zeros; -1 if it is none.
 */
export declare function readQuad(text: string, from?: number): number;
/**
 * The eight 16-bit groups of the IPv6 address that is the whole of `text`, in one of the forms of RFC 4291 §2.2: `::`
 * stands for one or more groups of zeros, and the last 32 bits may be a dotted quad. Undefined if it is none.
 */
export declare function readGroups(text: string): number[] | undefined;
