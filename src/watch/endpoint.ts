import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Router } from '../cluster/primary/router.js';
import { bindError } from '../handoff/listen-address.js';
import { handleOf } from '../handoff/listening-sockets.js';

/** An HTTP server that runs in the router's process. */
export interface Served {
  /** The address on which it listens. */
  readonly address: AddressInfo;
  /** Closes the server before the router closes. */
  close(): void;
}

/** The address to listen on, and its name in an upgrade. */
interface EndpointAddress {
  /** Identifies the listening socket in an upgrade, so that the new primary takes it over. */
  readonly key: string;
  readonly port: number;
  readonly host: string;
}

/**
 * Lets the server listen until the router is closed or replaced. The server does not keep the process alive.
 * Rejects with ERR_LIMPET_ADDRESS_*.
 */
export function serveEndpoint(
  router: Router,
  server: Server,
  { key, port, host }: EndpointAddress,
): Promise<Served> {
  const { sockets } = router;
  const address = { port, host, ipv6Only: false, backlog: 511 };
  const close = () => {
    router.off('closed', close);
    router.off('upgraded', close);
    sockets.unregister(key);
    server.close();
    server.closeAllConnections();
  };
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(bindError(error, address));
    server.once('error', failed);
    server.once('listening', () => {
      server.off('error', failed);
      server.on('error', () => {});
      server.unref();
      router.once('closed', close);
      router.once('upgraded', close);
      const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
      // During an upgrade, the old and the new primary both accept on this socket. Either may answer.
      sockets.register(key, {
        descriptors: () => (fd < 0 ? undefined : [fd]),
        managed: false,
        release: () => {},
      });
      resolve({ address: server.address() as AddressInfo, close });
    });
    const [inherited] = sockets.takeInherited(key, address)?.descriptors ?? [];
    if (inherited === undefined) server.listen({ port, host });
    else server.listen(handleOf(inherited));
  });
}
