/** Addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d. An address has one such form, however its text was written. */
import { SocketAddress } from 'node:net';
import type { PackedPrefixes } from './affinity-chain.js';

const PREFIX_BYTES = 17;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const LETTER_A = 0x61;

/** The bytes of an address; undefined if `text` is not an address. Zones, brackets and ports are not allowed. */
export function parseAddress(text: string): Uint8Array | undefined {
  const quad = readQuad(text);
  const groups = quad >= 0 ? [0, 0, 0, 0, 0, 0xffff, quad >>> 16, quad & 0xffff] : readGroups(text);
  return groups && Uint8Array.from(groups.flatMap((group) => [group >>> 8, group]));
}

/** The text of an address of 16 bytes, in the form of `getpeername`. */
export function addressText(bytes: Uint8Array): string {
  if (MAPPED_PREFIX.every((byte, at) => bytes[at] === byte)) return bytes.subarray(12).join('.');
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Whether one of the prefixes contains the address. */
export function containsAny(prefixes: PackedPrefixes, address: Uint8Array): boolean {
  for (let at = 0; at < prefixes.length; at += PREFIX_BYTES) {
    const bits = prefixes[at + 16] as number;
    const whole = bits >>> 3;
    let byte = 0;
    while (byte < whole && prefixes[at + byte] === address[byte]) byte++;
    if (byte < whole) continue;
    const rest = bits & 7;
    if (rest === 0 || ((prefixes[at + whole] as number) ^ (address[whole] as number)) >>> (8 - rest) === 0) {
      return true;
    }
  }
  return false;
}

/**
 * The IPv4 address in `text` from `from` on, first octet most significant: four decimal numbers without leading zeros. -1 if it is not
 * an address.
 */
export function readQuad(text: string, from = 0): number {
  let quad = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = from; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === DOT) {
      if (digits === 0 || dots === 3) return -1;
      quad = (quad << 8) | octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    const digit = char - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return -1;
    octet = octet * 10 + digit;
    digits++;
    if (octet > 255) return -1;
  }
  return digits === 0 || dots !== 3 ? -1 : ((quad << 8) | octet) >>> 0;
}

/**
 * The eight 16-bit groups of the IPv6 address `text`, in one of the forms of RFC 4291 §2.2: `::` stands for one or more groups of zeros, and
 * the last 32 bits may be a dotted quad. Undefined if `text` is not an address.
 */
export function readGroups(text: string): number[] | undefined {
  const end = text.length;
  if (end < 2) return undefined;
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (count === 8) return undefined;
    const start = at;
    let group = 0;
    let char = 0;
    for (; at < end; at++) {
      char = text.charCodeAt(at);
      const digit = hexDigit(char);
      if (digit < 0) break;
      if (at - start === 4) return undefined;
      group = (group << 4) | digit;
    }
    if (at < end && char === DOT) {
      const quad = readQuad(text, start);
      if (quad < 0 || count > 6) return undefined;
      groups[count++] = quad >>> 16;
      groups[count++] = quad & 0xffff;
      break;
    }
    if (at === start) return undefined;
    groups[count++] = group;
    if (at === end) break;
    if (char !== COLON || ++at === end) return undefined;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = count;
      at++;
    }
  }
  if (gap < 0) return count === 8 ? groups : undefined;
  if (count === 8) return undefined;
  for (let from = count - 1, to = 7; from >= gap; from--, to--) {
    groups[to] = groups[from] as number;
    groups[from] = 0;
  }
  return groups;
}

function hexDigit(char: number): number {
  const digit = char - ZERO;
  if (digit >= 0 && digit <= 9) return digit;
  const letter = (char | 0x20) - LETTER_A;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}
