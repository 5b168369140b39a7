import { isIPv4 } from 'node:net';
import { addressText, parseAddress } from '../binding/typescript/ip-address.js';

const ipv4Kept = 15;
const ipv6Kept = 6;

/** An address without the part that tells one household from another: `203.0.113.*`, `2001:db8:7::*`. */
export function mask(address: string): string {
  const bytes = parseAddress(address.split('%')[0] as string);
  if (!bytes) return '*';
  const mapped = isIPv4(addressText(bytes));
  const network = bytes.map((byte, at) => (at < (mapped ? ipv4Kept : ipv6Kept) ? byte : 0));
  const text = addressText(network);
  return mapped ? text.replace(/0$/, '*') : `${text.replace(/::$/, '')}::*`;
}
