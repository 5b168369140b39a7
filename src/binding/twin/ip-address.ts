/** Addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d: one form for one address, however it was written. */
import type { PackedPrefixes } from './affinity-chain.js';
import { readAddressBytes } from './client-key.js';

const PREFIX_BYTES = 17;

/** The bytes of an address in text; undefined when it is none. No zone, no brackets, no port. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes('%') ? undefined : readAddressBytes(text);
}

/** Whether one of the prefixes holds the address. */
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
