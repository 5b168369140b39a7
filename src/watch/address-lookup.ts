import { isIPv4 } from 'node:net';
import { addressText, parseAddress } from '../binding/typescript/ip-address.js';
import type { ClientExplanation } from '../cluster/primary/explain.js';
import type { Router } from '../cluster/primary/router.js';

const ipv4BytesKept = 15;
const ipv6BytesKept = 6;

/**
 * Looks up the slot of a client address. The result has the address masked, unless `shown`: other people may see the page.
 * Throws ERR_LIMPET_ADDRESS.
 */
export function lookUpAddress(
  router: Router,
  address: string,
  shown: boolean,
): ClientExplanation & { address: string } {
  return { ...router.explain(address), address: shown ? address : mask(address) };
}

/** Replaces the part of an address that identifies a household: `203.0.113.*`, `2001:db8:7::*`. */
export function mask(address: string): string {
  const bytes = parseAddress(address.split('%')[0] as string);
  if (!bytes) return '*';
  const mapped = isIPv4(addressText(bytes));
  const network = bytes.map((byte, at) => (at < (mapped ? ipv4BytesKept : ipv6BytesKept) ? byte : 0));
  const text = addressText(network);
  return mapped ? text.replace(/0$/, '*') : `${text.replace(/::$/, '')}::*`;
}
