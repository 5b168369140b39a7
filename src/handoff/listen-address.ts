import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { NumericAddress } from '../binding/handoff-binding.js';
import type { ListenAddress } from '../connection.js';
import { LimpetError } from '../errors.js';

/** On a machine without IPv6, the system refuses an IPv6 socket with one of these codes. */
const noIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/**
 * Calls `listen` with a numeric address or a path, chosen as net.Server does. A host name stands for its first address. No host stands
 * for all addresses of both families, or of IPv4 alone if the machine has no IPv6. Rejects with ERR_LIMPET_ADDRESS_*, but passes on an
 * error of `setsockopt` unchanged.
 */
export async function listenAt<T>(
  address: ListenAddress,
  listen: (numeric: NumericAddress) => T,
): Promise<T> {
  try {
    if ('path' in address) return listen({ path: address.path });
    const { host, port, ipv6Only } = address;
    if (host !== undefined)
      return listen({ host: isIP(host) ? host : await firstAddressOf(host), port, ipv6Only });
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

async function firstAddressOf(host: string): Promise<string> {
  return (await lookup(host)).address;
}

/** The error of a `bind` or `listen` that the system refused; its message says what to do. */
export function bindError(error: NodeJS.ErrnoException, address: ListenAddress): LimpetError {
  const where = 'path' in address ? address.path : `${address.host ?? '*'}:${address.port}`;
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

/** One port for each slot, in addition to the shared port: `base` + the slot's number. A client chooses the slot by its port. */
export interface DirectPorts {
  readonly base: number;
  readonly host: string | undefined;
  readonly ipv6Only: boolean;
  readonly backlog: number;
  /**
   * Whether another slot serves the port of a slot that is down. False if the server cannot end each connection with its answer
   * (uWebSockets.js): a client that keeps its connection would not come back to its slot. The connections then wait for the slot.
   */
  readonly fallback: boolean;
}

/** The name of the slot's socket in an upgrade. */
export function directKey({ base }: DirectPorts, slot: number): string {
  return `direct:${base + slot}`;
}

export function directAddress({ base, fallback: _, ...rest }: DirectPorts, slot: number): ListenAddress {
  return { ...rest, port: base + slot };
}
