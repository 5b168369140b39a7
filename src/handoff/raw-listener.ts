import { createServer, type Server } from 'node:net';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import { publish } from '../diagnostics.js';
import { bindError } from './bind-error.js';

/** Accepts connections as Node's own round robin does: the bare handle, so that no net.Socket is made for what only passes through. */
export class RawListener {
  readonly bound: BoundAddress;
  readonly #server: Server;

  private constructor(server: Server) {
    const bound = server.address();
    this.bound =
      typeof bound === 'string' || bound === null ? { path: String(bound) } : (bound as BoundAddress);
    this.#server = server;
  }

  /** `arrived` gets every connection, and owns it. Rejects with ERR_LIMPET_ADDRESS_*. */
  static open(address: ListenAddress, arrived: (handle: RawHandle) => void): Promise<RawListener> {
    const server = createServer({ pauseOnConnect: true });
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(bindError(error, address)));
      server.listen(withoutUndefined(address), () => {
        (server as unknown as { _handle: { onconnection: unknown } })._handle.onconnection = (
          status: number,
          handle: RawHandle | undefined,
        ) => {
          if (status === 0 && handle) arrived(handle);
          else publish('limpet:fault', () => ({ where: 'accept', error: status }));
        };
        server.on('error', (error) => publish('limpet:fault', () => ({ where: 'listener', error })));
        resolve(new RawListener(server));
      });
    });
  }

  close(): void {
    this.#server.close();
  }
}

function withoutUndefined(address: ListenAddress): object {
  return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined));
}
