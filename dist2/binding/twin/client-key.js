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
import { readGroups, readQuad } from './ip-address.js';
/** 00 00 FF FF, the first word of every IPv4 key. */
const MAPPED = 0xffff0000 | 0;
/** The key of the address that is the whole of `text`; undefined when `text` is no address. */
export function keyOfText(text, ipv6Prefix) {
    const quad = readQuad(text);
    if (quad >= 0)
        return keyOfIpv4(quad);
    const groups = readGroups(withoutZone(text));
    return groups && keyOfGroups(groups, ipv6Prefix);
}
/** The key of an IPv4 address whose first octet is the most significant byte of `address`. */
export function keyOfIpv4(address) {
    return { w0: MAPPED, w1: swapBytes(address) };
}
/** The key of the IPv6 address that the 16 bytes at `at` are. */
export function keyOfIpv6(bytes, at, ipv6Prefix) {
    const groups = Array.from({ length: 8 }, (_, i) => (bytes[at + 2 * i] << 8) | bytes[at + 2 * i + 1]);
    return keyOfGroups(groups, ipv6Prefix);
}
/** The 8 bytes of a key. */
export function bytesOfKey({ w0, w1 }) {
    return Uint8Array.of(w0, w0 >>> 8, w0 >>> 16, w0 >>> 24, w1, w1 >>> 8, w1 >>> 16, w1 >>> 24);
}
/** `groups` are the eight 16-bit numbers of an IPv6 address. */
function keyOfGroups(groups, ipv6Prefix) {
    const w0 = wordOf(groups, 0);
    const w1 = wordOf(groups, 2);
    if ((w0 | w1) === 0 && wordOf(groups, 4) === MAPPED)
        return { w0: MAPPED, w1: wordOf(groups, 6) };
    return { w0, w1: ipv6Prefix === 64 ? w1 : w1 & ((1 << (ipv6Prefix - 32)) - 1) };
}
function wordOf(groups, at) {
    return swapBytes((groups[at] << 16) | groups[at + 1]);
}
function swapBytes(word) {
    return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}
/** `text` without its zone; empty when the zone is empty or holds what no zone can. */
function withoutZone(text) {
    const percent = text.indexOf('%');
    if (percent < 0)
        return text;
    return /^[!-$&-~]+$/.test(text.slice(percent + 1)) ? text.slice(0, percent) : '';
}
