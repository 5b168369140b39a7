import type { BoundAddress } from '../connection.js';

/** A bound address as a person would type it. */
export function addressText(address: BoundAddress): string {
  if ('path' in address) return address.path;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}
