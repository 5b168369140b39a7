/**
 * The client key of an address: 8 bytes, one shape for both families.
 *
 *     IPv4           00 00 FF FF a b c d
 *     IPv6           the first `ipv6Prefix` bits, then zeros: privacy addresses change inside a /64
 *     ::ffff:a.b.c.d is IPv4
 *
 * What counts as an address: a dotted quad of decimal numbers without leading zeros; or the text forms of
 * RFC 4291 §2.2, with `::` for one or more zero groups, a dotted quad as the last 32 bits, and an optional
 * `%zone`, which is dropped. No brackets, no ports, no blanks, no octal, no shortened quads.
 */

/** How many leading bits of an IPv6 address name a client. */
export type Ipv6Prefix = 32 | 48 | 56 | 64;

/** A parsed address: its 16 bytes as eight 16-bit groups; IPv4 is held as ::ffff:a.b.c.d. Reused by every parse. */
const groups = new Uint16Array(8);

/** The two little-endian words of the key of the last address {@link readAddressKey} read. */
export const addressKey = { w0: 0, w1: 0 };

/** The first word of every IPv4 key: 00 00 FF FF. */
const MAPPED = 0xffff0000 | 0;

/**
 * Reads the client key of `text` into {@link addressKey}; false, and nothing written, when `text` is no address.
 */
export function readAddressKey(text: string, ipv6Prefix: Ipv6Prefix): boolean {
  const quad = readQuad(text, 0, text.length);
  if (quad >= 0) {
    addressKey.w0 = MAPPED;
    addressKey.w1 = swapBytes(quad);
    return true;
  }
  if (!readGroups(text)) return false;
  setKey(groups, ipv6Prefix);
  return true;
}

/** The same for an address of 16 bytes at `at`, as the kernel and lookupMany give it. */
export function readAddressKeyBytes(bytes: Uint8Array, at: number, ipv6Prefix: Ipv6Prefix): void {
  for (let i = 0; i < 8; i++) {
    groups[i] = ((bytes[at + 2 * i] as number) << 8) | (bytes[at + 2 * i + 1] as number);
  }
  setKey(groups, ipv6Prefix);
}

/** The 16 bytes of an address in text, IPv4 as ::ffff:a.b.c.d; undefined when `text` is none. A zone is dropped. */
export function readAddressBytes(text: string): Uint8Array | undefined {
  const quad = readQuad(text, 0, text.length);
  if (quad >= 0) groups.set([0, 0, 0, 0, 0, 0xffff, quad >>> 16, quad & 0xffff]);
  else if (!readGroups(text)) return undefined;
  return Uint8Array.from({ length: 16 }, (_, at) => (groups[at >> 1] as number) >>> (at % 2 === 0 ? 8 : 0));
}

/** The 8 bytes of the key in {@link addressKey}, freshly allocated. */
export function addressKeyBytes(): Uint8Array {
  const { w0, w1 } = addressKey;
  return Uint8Array.of(w0, w0 >>> 8, w0 >>> 16, w0 >>> 24, w1, w1 >>> 8, w1 >>> 16, w1 >>> 24);
}

function setKey(g: Uint16Array, ipv6Prefix: Ipv6Prefix): void {
  const [g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4, g5, g6 = 0, g7 = 0] = g;
  if ((g0 | g1 | g2 | g3) === 0 && g4 === 0 && g5 === 0xffff) {
    addressKey.w0 = MAPPED;
    addressKey.w1 = swapBytes((g6 << 16) | g7);
    return;
  }
  addressKey.w0 = swapBytes((g0 << 16) | g1);
  const kept = ipv6Prefix === 64 ? -1 : (1 << (ipv6Prefix - 32)) - 1;
  addressKey.w1 = swapBytes((g2 << 16) | g3) & kept;
}

/** First byte least significant, as the hash reads words. */
function swapBytes(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}

/** The dotted quad that fills `text` from `from` to `to`, first octet most significant; -1 when it is none. */
function readQuad(text: string, from: number, to: number): number {
  if (to - from > 15) return -1;
  let quad = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = from; at < to; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x2e) {
      if (digits === 0 || dots === 3) return -1;
      quad = (quad << 8) | octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    const digit = char - 0x30;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return -1;
    octet = octet * 10 + digit;
    digits++;
    if (octet > 255) return -1;
  }
  if (digits === 0 || dots !== 3) return -1;
  return ((quad << 8) | octet) >>> 0;
}

/** Reads an IPv6 address into {@link groups}. */
function readGroups(text: string): boolean {
  const end = endOfAddress(text);
  if (end < 2) return false;
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === 0x3a) {
    if (text.charCodeAt(1) !== 0x3a) return false;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (count === 8) return false;
    const start = at;
    let group = 0;
    let char = 0;
    for (; at < end; at++) {
      char = text.charCodeAt(at);
      const digit = hexDigit(char);
      if (digit < 0) break;
      group = (group << 4) | digit;
      if (at - start === 4) return false;
    }
    if (at < end && char === 0x2e) {
      const quad = readQuad(text, start, end);
      if (quad < 0 || count > 6) return false;
      groups[count] = quad >>> 16;
      groups[count + 1] = quad & 0xffff;
      count += 2;
      break;
    }
    if (at === start) return false;
    groups[count++] = group;
    if (at === end) break;
    if (char !== 0x3a || ++at === end) return false;
    if (text.charCodeAt(at) === 0x3a) {
      if (gap >= 0) return false;
      gap = count;
      at++;
    }
  }
  if (gap < 0) return count === 8;
  if (count === 8) return false;
  groups.copyWithin(8 - (count - gap), gap, count);
  groups.fill(0, gap, 8 - (count - gap));
  return true;
}

/** Where the zone begins, or the length of the text; 0 when the zone is empty or holds what no zone can. */
function endOfAddress(text: string): number {
  const percent = text.indexOf('%');
  if (percent < 0) return text.length;
  if (percent === text.length - 1) return 0;
  for (let at = percent + 1; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char <= 0x20 || char >= 0x7f || char === 0x25) return 0;
  }
  return percent;
}

function hexDigit(char: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  const letter = char | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
