import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Router } from '../cluster/primary/router.js';
import { bindError } from '../handoff/listen-address.js';
import { handleOf } from '../handoff/listening-sockets.js';

/** A server beside the router. */
export interface Served {
  /** Where it listens. */
  readonly address: AddressInfo;
  /** Ends it before the router's end. */
  close(): void;
}

/** What it is called from one primary to the next, and where it listens. */
interface Where {
  readonly key: string;
  readonly port: number;
  readonly host: string;
}

/** Listens, and goes when the router is closed or replaced. It keeps no process alive. Rejects with ERR_LIMPET_ADDRESS_*. */
export function serve(router: Router, server: Server, { key, port, host }: Where): Promise<Served> {
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
      // Whoever asks here may be answered by either primary.
      sockets.register(key, {
        descriptors: () => (fd < 0 ? undefined : [fd]),
        managed: false,
        release: () => {},
      });
      resolve({ address: server.address() as AddressInfo, close });
    });
    const [given] = sockets.takeInherited(key, address)?.descriptors ?? [];
    if (given === undefined) server.listen({ port, host });
    else server.listen(handleOf(given));
  });
}
