import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { NumericAddress } from '../binding/handoff-binding.js';
import type { ListenAddress } from '../connection.js';
import { bindError } from './bind-error.js';

/** A machine without IPv6 says one of these when asked for an IPv6 socket. */
const noIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/**
 * Calls `listen` with the address in the system's own terms, as net.Server does: a name stands for its first address, no host
 * for every address of both families, or of IPv4 where there is no IPv6. Whatever fails rejects with the LimpetError that says so;
 * an error of `setsockopt` is passed on as it is.
 */
export async function listenAt<T>(
  address: ListenAddress,
  listen: (numeric: NumericAddress) => T,
): Promise<T> {
  try {
    if ('path' in address) return listen({ path: address.path });
    const { host, port, ipv6Only } = address;
    if (host !== undefined) return listen({ host: isIP(host) ? host : await firstOf(host), port, ipv6Only });
    try {
      return listen({ host: '::', port, ipv6Only });
    } catch (error) {
      if (!noIpv6.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      return listen({ host: '0.0.0.0', port, ipv6Only: false });
    }
  } catch (error) {
    const failed = error as NodeJS.ErrnoException;
    throw failed.syscall === 'setsockopt' ? failed : bindError(failed, address);
  }
}

async function firstOf(host: string): Promise<string> {
  return (await lookup(host)).address;
}
