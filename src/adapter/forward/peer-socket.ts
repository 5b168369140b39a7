import { chmodSync, rmSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { addressText } from '../../binding/typescript/ip-address.js';
import { readProxyHeader } from '../../binding/typescript/proxy-protocol.js';
import { publish } from '../../diagnostics.js';

const headerBytesMax = 256;
const closeIdleEveryMs = 50;

/** A property, not a WeakSet: it is looked up for each request, and a property is faster. */
const forwarded: unique symbol = Symbol('limpet.forwarded');
type PeerConnection = object & { [forwarded]?: true };

/** Whether the connection came through a peer socket. Its requests are never forwarded again, so that no loop can arise. */
export function isForwarded(socket: PeerConnection): boolean {
  return socket[forwarded] === true;
}

/**
 * The unix-domain socket (a named pipe on Windows) on which a worker receives the requests that other workers forward to it. The
 * socket file has mode 0600, so that only the router's user may connect.
 *
 * Each connection begins with a PROXY header that names the client. The bytes behind the header go to the app's server as if the
 * client had sent them. If that server speaks TLS, they enter it behind the handshake, because the peer has decrypted them.
 */
export class PeerSocket {
  readonly #listener: Server;
  readonly #app: Partial<HttpServer>;

  /** Listens at `path`. `open` is called when peers can connect. */
  constructor(path: string, app: Server, open: () => void) {
    this.#app = app as Partial<HttpServer>;
    const event = 'setSecureContext' in app ? 'secureConnection' : 'connection';
    this.#listener = createServer({ allowHalfOpen: true }, (socket) => {
      (socket as PeerConnection)[forwarded] = true;
      socket.on('error', () => {});
      afterProxyHeader(socket, event === 'secureConnection', () => app.emit(event, socket));
    });
    this.#listener.on('error', (error) => publish('limpet:fault', () => ({ where: 'peer socket', error })));
    // A killed process leaves its socket file behind. The path belongs to this process now.
    if (process.platform !== 'win32') rmSync(path, { force: true });
    // `exclusive`: otherwise Node's cluster would let the primary accept, and connections sent to a dying worker would hang.
    this.#listener.listen({ path, exclusive: true }, () => {
      if (process.platform !== 'win32') chmodSync(path, 0o600);
      open();
    });
    this.#listener.unref();
  }

  /** Accepts no more connections and closes idle ones. `done` is called when the last one is closed. */
  close(done: () => void): void {
    const closeIdle = () => this.#app.closeIdleConnections?.();
    const timer = setInterval(closeIdle, closeIdleEveryMs);
    this.#listener.close(() => {
      clearInterval(timer);
      done();
    });
    closeIdle();
  }
}

function afterProxyHeader(socket: Socket, encrypted: boolean, deliver: () => void): void {
  let bytes = Buffer.alloc(0);
  // A peer that sends FIN before its PROXY header is complete has gone. An open socket would delay the drain.
  const destroy = () => socket.destroy();
  const readHeader = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      bytes = Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes, headerBytesMax);
    if (header.shape === 'partial') return;
    socket.off('readable', readHeader).off('end', destroy);
    if (header.shape !== 'proxied' && header.shape !== 'silent') {
      socket.destroy();
      return;
    }
    if (header.shape === 'proxied') setClient(socket, header.source.address, header.source.port);
    if (encrypted) Object.defineProperty(socket, 'encrypted', { value: true });
    if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    // In the next tick, because only then the stream can flow again: until then it treats 'readable' as listened to.
    process.nextTick(() => {
      if (!socket.destroyed) deliver();
    });
  };
  socket.on('readable', readHeader).on('end', destroy);
}

/** Makes the socket report the client instead of its own peer. */
function setClient(socket: Socket, bytes: Uint8Array, port: number): void {
  const address = addressText(bytes);
  Object.defineProperties(socket, {
    remoteAddress: { value: address },
    remotePort: { value: port },
    remoteFamily: { value: address.includes(':') ? 'IPv6' : 'IPv4' },
  });
}
