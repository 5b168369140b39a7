/**
 * The client key of an address: 8 bytes, one shape for both families.
 *
 *     IPv4             00 00 FF FF a b c d
 *     IPv6             its first `ipv6Prefix` bits, then zeros: privacy addresses change inside a /64
 *     ::ffff:a.b.c.d   is IPv4
 *
 * An address is a dotted quad of decimal numbers without leading zeros; or one of the text forms of RFC 4291 §2.2:
 * `::` stands for one or more groups of zeros, the last 32 bits may be a dotted quad, and a `%zone` of visible ASCII
 * characters may follow, which is dropped. No brackets, no ports, no blanks, no octal, no shortened quads.
 */
/** How many leading bits of an IPv6 address name a client. */
export type Ipv6Prefix = 32 | 48 | 56 | 64;
/** A client key as the hash takes it: two 32-bit words, the first byte of each least significant. */
export interface ClientKey {
    readonly w0: number;
    readonly w1: number;
}
/** The key of the address that is the whole of `text`; undefined when `text` is no address. */
export declare function keyOfText(text: string, ipv6Prefix: Ipv6Prefix): ClientKey | undefined;
/** The key of an IPv4 address whose first octet is the most significant byte of `address`. */
export declare function keyOfIpv4(address: number): ClientKey;
/** The key of the IPv6 address that the 16 bytes at `at` are. */
export declare function keyOfIpv6(bytes: Uint8Array, at: number, ipv6Prefix: Ipv6Prefix): ClientKey;
/** The 8 bytes of a key. */
export declare function bytesOfKey({ w0, w1 }: ClientKey): Uint8Array;
