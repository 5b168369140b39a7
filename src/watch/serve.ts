import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Router } from '../cluster/primary.js';
import { bindError } from '../handoff/bind-error.js';

/** A server beside the router. */
export interface Served {
  readonly address: AddressInfo;
  /** Ends it before the router's end. */
  close(): void;
}

/** Listens, and goes when the router is closed. It keeps no process alive. Rejects with ERR_LIMPET_ADDRESS_*. */
export function serve(
  router: Router,
  server: Server,
  { port, host }: { port: number; host: string },
): Promise<Served> {
  const close = () => {
    router.off('closed', close);
    server.close();
    server.closeAllConnections();
  };
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(bindError(error, { port, host, ipv6Only: false, backlog: 511 }));
    server.once('error', failed);
    server.listen({ port, host }, () => {
      server.off('error', failed);
      server.on('error', () => {});
      server.unref();
      router.once('closed', close);
      resolve({ address: server.address() as AddressInfo, close });
    });
  });
}
