/**
 * The client key of an address: 8 bytes, one shape for both families.
 *
 *     IPv4             00 00 FF FF a b c d
 *     IPv6             the first `ipv6Prefix` bits, then zeros: privacy addresses change below a /64
 *     ::ffff:a.b.c.d   as IPv4
 *
 * An IPv4 address is a dotted quad of decimal numbers without leading zeros. An IPv6 address has one of the text forms of RFC 4291 §2.2:
 * `::` stands for one or more groups of zeros, and the last 32 bits may be a dotted quad. A `%zone` of visible ASCII characters may follow;
 * it is dropped. Brackets, ports, blanks, octal numbers and shortened quads are not allowed.
 */

import { readGroups, readQuad } from './ip-address.js';

/** How many leading bits of an IPv6 address identify a client. */
export type Ipv6Prefix = 32 | 48 | 56 | 64;

/** A client key in the form for the hash: two 32-bit words. The first byte of a word is the least significant. */
export interface ClientKey {
  readonly w0: number;
  readonly w1: number;
}

/** 00 00 FF FF, the first word of every IPv4 key. */
const MAPPED = 0xffff0000 | 0;

/** The key of the address `text`; undefined if `text` is not an address. */
export function keyOfText(text: string, ipv6Prefix: Ipv6Prefix): ClientKey | undefined {
  const quad = readQuad(text);
  if (quad >= 0) return keyOfIpv4(quad);
  const groups = readGroups(withoutZone(text));
  return groups && keyOfGroups(groups, ipv6Prefix);
}

/** The key of an IPv4 address whose first octet is the most significant byte of `address`. */
export function keyOfIpv4(address: number): ClientKey {
  return { w0: MAPPED, w1: swapBytes(address) };
}

/** The key of the IPv6 address in the 16 bytes from `at` on. */
export function keyOfIpv6(bytes: Uint8Array, at: number, ipv6Prefix: Ipv6Prefix): ClientKey {
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[at + 2 * i] as number) << 8) | (bytes[at + 2 * i + 1] as number),
  );
  return keyOfGroups(groups, ipv6Prefix);
}

/** The 8 bytes of a key. */
export function bytesOfKey({ w0, w1 }: ClientKey): Uint8Array {
  return Uint8Array.of(w0, w0 >>> 8, w0 >>> 16, w0 >>> 24, w1, w1 >>> 8, w1 >>> 16, w1 >>> 24);
}

/** `groups` are the eight 16-bit numbers of an IPv6 address. */
function keyOfGroups(groups: readonly number[], ipv6Prefix: Ipv6Prefix): ClientKey {
  const w0 = wordOf(groups, 0);
  const w1 = wordOf(groups, 2);
  if ((w0 | w1) === 0 && wordOf(groups, 4) === MAPPED) return { w0: MAPPED, w1: wordOf(groups, 6) };
  return { w0, w1: ipv6Prefix === 64 ? w1 : w1 & ((1 << (ipv6Prefix - 32)) - 1) };
}

function wordOf(groups: readonly number[], at: number): number {
  return swapBytes(((groups[at] as number) << 16) | (groups[at + 1] as number));
}

function swapBytes(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}

/** `text` without its zone; empty if the zone is empty or invalid. */
function withoutZone(text: string): string {
  const percent = text.indexOf('%');
  if (percent < 0) return text;
  return /^[!-$&-~]+$/.test(text.slice(percent + 1)) ? text.slice(0, percent) : '';
}
