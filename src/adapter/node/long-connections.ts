import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Http2Session } from 'node:http2';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';

/** A WebSocket close frame with code 1012, service restart (RFC 6455 section 7.4.2). */
const closeFrame = Buffer.from([0x88, 0x02, 0x03, 0xf4]);

/** The WebSockets and HTTP/2 sessions of a server. Node keeps no list of them, and its own close methods do not end them. */
export class LongConnections {
  readonly #server: Server;
  readonly #webSockets: Set<Duplex> = new Set();
  readonly #http2Sessions: Set<Http2Session> = new Set();

  constructor(server: Server) {
    this.#server = server;
  }

  /** Tracks those that are opened from now on. Call it once. */
  track(): void {
    this.#trackWebSockets();
    if ('updateSettings' in this.#server) this.#trackHttp2Sessions();
  }

  /** Lets the HTTP/2 sessions finish their streams and accept no new ones. */
  closeHttp2Sessions(): void {
    for (const session of this.#http2Sessions) session.close();
  }

  /** Ends WebSockets with close code 1012, and closes all other connections except those upgraded to another protocol. */
  closeAll(): void {
    for (const socket of this.#webSockets) socket.end(closeFrame);
    for (const session of this.#http2Sessions) session.destroy();
    (this.#server as Partial<HttpServer>).closeAllConnections?.();
  }

  /**
   * Tracks WebSockets by an 'upgrade' listener. Such a listener alone changes what Node does with upgrade requests, so it is
   * present only while the app has one.
   */
  #trackWebSockets(): void {
    const server = this.#server;
    const track = (request: IncomingMessage, socket: Duplex) => {
      if (request.headers.upgrade?.toLowerCase() !== 'websocket') return;
      this.#webSockets.add(socket);
      socket.once('close', () => this.#webSockets.delete(socket));
    };
    if (server.listenerCount('upgrade') > 0) server.on('upgrade', track);
    server.on('newListener', (event: string | symbol, listener: unknown) => {
      if (event !== 'upgrade' || listener === track || server.listenerCount('upgrade') > 0) return;
      server.on('upgrade', track);
    });
    server.on('removeListener', (event: string | symbol) => {
      if (event === 'upgrade' && server.listenerCount('upgrade') === 1) server.off('upgrade', track);
    });
  }

  #trackHttp2Sessions(): void {
    this.#server.on('session', (session: Http2Session) => {
      this.#http2Sessions.add(session);
      session.once('close', () => this.#http2Sessions.delete(session));
    });
  }
}
