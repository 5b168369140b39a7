import { chmodSync, rmSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { addressText } from '../../binding/typescript/ip-address.js';
import { readProxyHeader } from '../../binding/typescript/proxy-protocol.js';
import { publish } from '../../diagnostics.js';

const headerBytesMax = 256;
/** Asked for each request: a mark is found faster than an entry of a WeakSet. */
const entered: unique symbol = Symbol('limpet.entered');
type Marked = object & { [entered]?: true };

/** Whether a connection came through a door: then it is where it belongs, and is never passed on again. */
export function isForwarded(socket: Marked): boolean {
  return socket[entered] === true;
}

/**
 * Where other workers of this router bring requests of this worker's clients: a unix-domain socket that the user alone may
 * connect to. Each connection begins with a PROXY header that tells the client; from there on it is the app's, as if it had come in
 * at the front, and after TLS where the app's server speaks that.
 */
export class PeerSocket {
  readonly #server: Server;
  readonly #app: Partial<HttpServer>;

  /** `open` is called when others may come. */
  constructor(path: string, app: Server, open: () => void) {
    this.#app = app as Partial<HttpServer>;
    const event = 'setSecureContext' in app ? 'secureConnection' : 'connection';
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      (socket as Marked)[entered] = true;
      socket.on('error', () => {});
      afterProxyHeader(socket, event === 'secureConnection', () => app.emit(event, socket));
    });
    this.#server.on('error', (error) => publish('limpet:fault', () => ({ where: 'owner door', error })));
    // A process that was killed has left its own behind; the path is this process's now.
    if (process.platform !== 'win32') rmSync(path, { force: true });
    // Not exclusive, a worker's server is the primary's: it would accept here, and what it had sent to a dying worker would hang.
    this.#server.listen({ path, exclusive: true }, () => {
      if (process.platform !== 'win32') chmodSync(path, 0o600);
      open();
    });
    this.#server.unref();
  }

  /** Lets nobody new in; `done` when the last has gone. */
  close(done: () => void): void {
    const closeIdle = () => this.#app.closeIdleConnections?.();
    const again = setInterval(closeIdle, 50);
    this.#server.close(() => {
      clearInterval(again);
      done();
    });
    closeIdle();
  }
}

function afterProxyHeader(socket: Socket, encrypted: boolean, enter: () => void): void {
  let read = Buffer.alloc(0);
  // Half open is for what comes later: who ends before it has told the client is gone, and would hold up a drain.
  const leave = () => socket.destroy();
  const look = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      read = Buffer.concat([read, chunk]);
    const header = readProxyHeader(read, headerBytesMax);
    if (header.shape === 'partial') return;
    socket.off('readable', look).off('end', leave);
    if (header.shape !== 'proxied' && header.shape !== 'silent') {
      socket.destroy();
      return;
    }
    if (header.shape === 'proxied') showClient(socket, header.source.address, header.source.port);
    if (encrypted) Object.defineProperty(socket, 'encrypted', { value: true });
    if (read.length > header.length) socket.unshift(read.subarray(header.length));
    // The stream forgets in the next tick that it had a 'readable' listener, and flows then.
    process.nextTick(() => {
      if (!socket.destroyed) enter();
    });
  };
  socket.on('readable', look).on('end', leave);
}

function showClient(socket: Socket, bytes: Uint8Array, port: number): void {
  const address = addressText(bytes);
  Object.defineProperties(socket, {
    remoteAddress: { value: address },
    remotePort: { value: port },
    remoteFamily: { value: address.includes(':') ? 'IPv6' : 'IPv4' },
  });
}
