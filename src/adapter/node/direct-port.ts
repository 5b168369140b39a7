import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';

/** Node's default of keepAliveTimeout, ms. */
const nodeKeepAliveMs = 5000;
/** The keepAliveTimeout behind proxies that pool connections, ms. A long timeout leaves the closing of idle connections to the proxy. */
const pooledKeepAliveMs = 75_000;

/**
 * The direct port of this process's slot. A connection's local port says which port the client connected to, so that nothing else
 * has to be sent along with the connection.
 */
export class DirectPort {
  readonly #base: number;
  readonly #slot: number;
  readonly #shared: number;

  /** The port of this process's slot is `base` + `slot`. `shared` is the port that all slots serve. */
  constructor(base: number, slot: number, shared: number) {
    this.#base = base;
    this.#slot = slot;
    this.#shared = shared;
  }

  /** Whether the client connected to a direct port, and so chose the slot. */
  isDirect({ localPort }: Socket): boolean {
    return localPort !== undefined && localPort !== this.#shared;
  }

  /** Whether the client chose another slot, which is down: this slot serves the connection as its fallback. */
  isOtherSlots(socket: Socket): boolean {
    return this.isDirect(socket) && socket.localPort !== this.#base + this.#slot;
  }

  /**
   * Adapts a server to proxies that pool connections. A keepAliveTimeout that has Node's default of 5 s is raised to 75 s. Each
   * connection for another slot is closed after its first response, so that the proxy returns to that slot as soon as it is up.
   */
  adapt(server: Server & Partial<Pick<HttpServer, 'keepAliveTimeout'>>): void {
    if (server.keepAliveTimeout === nodeKeepAliveMs) server.keepAliveTimeout = pooledKeepAliveMs;
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      if (this.isOtherSlots(request.socket)) response.shouldKeepAlive = false;
    });
  }
}
