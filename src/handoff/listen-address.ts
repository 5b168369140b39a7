import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { NumericAddress } from '../binding/handoff-binding.js';
import type { ListenAddress } from '../connection.js';
import { LimpetError } from '../errors.js';

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

/** What a person would call the address. */
function addressText(address: ListenAddress): string {
  return 'path' in address ? address.path : `${address.host ?? '*'}:${address.port}`;
}

/** The system's refusal to bind or listen, in words that say what to do. */
export function bindError(error: NodeJS.ErrnoException, address: ListenAddress): LimpetError {
  const where = addressText(address);
  const facts = { address: where, systemCode: error.code };
  switch (error.code) {
    case 'EADDRINUSE':
      return new LimpetError(
        'ERR_LIMPET_ADDRESS_IN_USE',
        `cannot listen on ${where}: another process, or another router, has it. End that process or choose another port.`,
        facts,
        error,
      );
    case 'EACCES':
    case 'EPERM':
      return new LimpetError(
        'ERR_LIMPET_ADDRESS_DENIED',
        `cannot listen on ${where}: not permitted for this user. Choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE.`,
        facts,
        error,
      );
    default:
      return new LimpetError(
        'ERR_LIMPET_ADDRESS_UNAVAILABLE',
        `cannot listen on ${where}: ${error.code ?? error.message}. Expected an address of this machine; check the host.`,
        facts,
        error,
      );
  }
}

/** A port for each slot, `base` + slot, beside the shared one: whoever connects to it has chosen the slot. */
export interface DirectPorts {
  readonly base: number;
  readonly host: string | undefined;
  readonly ipv6Only: boolean;
  readonly backlog: number;
  /**
   * Whether another slot serves a port whose slot is down. False where the server could not tell its clients to come back: their
   * connections then wait for the slot.
   */
  readonly fallback: boolean;
}

/** What the slot's socket is called from one primary to the next. */
export function directKey({ base }: DirectPorts, slot: number): string {
  return `direct:${base + slot}`;
}

export function directAddress({ base, fallback: _, ...where }: DirectPorts, slot: number): ListenAddress {
  return { ...where, port: base + slot };
}
