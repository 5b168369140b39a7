import { AsyncResource } from 'node:async_hooks';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { BoundAddress, Entrance, RawHandle } from '../connection.js';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';

/**
 * Feeds a Node server (net, tls, http, https, http2, and whatever is built on them) with connections that were accepted
 * elsewhere, so that the server cannot tell: it is given a listening handle of ours, in the shape that Node's own cluster gives
 * its workers (lib/internal/cluster/child.js), and each connection goes through that handle's `onconnection`. A bare
 * `emit('connection')` would leave headersTimeout, requestTimeout, getConnections, maxConnections, close and noDelay dead.
 */

interface Internals {
  _handle: FedHandle | null;
  _pipeName?: string;
  _listen2?: (address: string | null, port: number, type: number, backlog?: number) => void;
}
type Bound = { address?: string; family?: string; port?: number };
type HandleClass = new (type: number) => RawHandle & { open(fd: number): number };

/** TCPConstants.SOCKET and PipeConstants.SOCKET in Node's tcp_wrap and pipe_wrap. */
const socketType = 0;

class FedHandle {
  /** Set by net when it starts to listen. */
  onconnection: ((this: FedHandle, status: number, handle: RawHandle) => void) | undefined;
  getsockname?: (out: Bound) => number;
  readonly #resource: AsyncResource = new AsyncResource('LIMPETLISTENER');
  readonly #closed: () => void;

  constructor(bound: BoundAddress, closed: () => void) {
    this.#closed = closed;
    if (!('path' in bound)) {
      this.getsockname = (out) => {
        Object.assign(out, bound);
        return 0;
      };
    }
  }

  listen(): number {
    return 0;
  }
  close(callback?: () => void): void {
    this.#closed();
    if (callback) process.nextTick(callback);
  }
  ref(): void {}
  unref(): void {}
  getAsyncId(): number {
    return this.#resource.asyncId();
  }
}

export class NodeAdapter implements Entrance {
  readonly kind = 'node';
  readonly server: Server;
  /** Connections fed and not yet closed. */
  open = 0;
  /** Called for each connection that was fed, when it is closed. */
  onClosed: (() => void) | undefined;
  readonly #closedByApp: () => void;
  readonly #upgraded: Set<Duplex> = new Set();
  #handle: FedHandle | undefined;
  #draining = false;
  #HandleClass: HandleClass | undefined;

  /** `closedByApp` is called when the app, not limpet, closes the server. */
  constructor(server: Server, closedByApp: () => void) {
    this.server = server;
    this.#closedByApp = closedByApp;
  }

  get tls(): boolean {
    return 'setSecureContext' in this.server;
  }

  /** Makes the server listen, as far as it can tell, at `bound`; it emits 'listening' in the next tick. */
  listen(bound: BoundAddress, backlog: number): void {
    const handle = new FedHandle(bound, () => {
      if (!this.#draining) this.#closedByApp();
    });
    const server = this.server as unknown as Internals;
    server._handle = handle;
    this.#handle = handle;
    if ('path' in bound) {
      server._pipeName = bound.path;
      server._listen2?.(bound.path, -1, -1, backlog);
    } else {
      server._listen2?.(bound.address, bound.port, bound.family === 'IPv6' ? 6 : 4, backlog);
    }
    this.#watchUpgrades();
  }

  handle(handle: RawHandle): void {
    const listening = this.#handle;
    if (!listening?.onconnection || !this.server.listening) {
      handle.close();
      this.onClosed?.();
      return;
    }
    this.open += 1;
    const close = handle.close;
    handle.close = (callback) => {
      this.open -= 1;
      handle.close = close;
      close.call(handle, callback);
      this.onClosed?.();
    };
    try {
      listening.onconnection.call(listening, 0, handle);
    } catch (error) {
      // What the app's own 'connection' listener throws is the app's, as on a plain listen: uncaught, outside of our loop.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  descriptor(fd: number): void {
    if (!this.#HandleClass) {
      this.#firstDescriptor(fd);
      return;
    }
    const handle = new this.#HandleClass(socketType);
    const error = handle.open(fd);
    if (error === 0) this.handle(handle);
    else publish('limpet:fault', () => ({ where: 'open descriptor', error }));
  }

  /** Takes nothing new, answers what is open with `Connection: close`, and calls `done` when the last connection is closed. */
  drain(done: () => void): void {
    this.#draining = true;
    if (!this.server.listening) {
      done();
      return;
    }
    const http = this.server as HttpServer;
    this.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      response.shouldKeepAlive = false;
    });
    // A request that was under way when the drain began leaves its connection idle and kept alive: look again until all are gone.
    const again = setInterval(() => http.closeIdleConnections?.(), 50);
    this.server.close(() => {
      clearInterval(again);
      done();
    });
    http.closeIdleConnections?.();
  }

  /** Ends what is still open: WebSockets with 1012 (service restart, RFC 6455 section 7.4.2), the rest by closing. */
  closeAll(): void {
    for (const socket of this.#upgraded) socket.end(Buffer.from([0x88, 0x02, 0x03, 0xf4]));
    (this.server as HttpServer).closeAllConnections?.();
  }

  /** net keeps the class of its handles to itself: it is read off the first descriptor's own handle, which is fed at once. */
  #firstDescriptor(fd: number): void {
    const probe = new Socket({ fd, readable: false, writable: false }) as unknown as {
      _handle: RawHandle | null;
    };
    const handle = probe._handle as RawHandle;
    probe._handle = null;
    this.#HandleClass = handle.constructor as HandleClass;
    this.handle(handle);
  }

  /** An 'upgrade' listener of ours alone would change what the server does: ours comes only where the app has one. */
  #watchUpgrades(): void {
    const { server } = this;
    const track = (_request: IncomingMessage, socket: Duplex) => {
      this.#upgraded.add(socket);
      socket.once('close', () => this.#upgraded.delete(socket));
    };
    if (server.listenerCount('upgrade') > 0) {
      server.on('upgrade', track);
      return;
    }
    const onNew = (event: string | symbol) => {
      if (event !== 'upgrade') return;
      server.off('newListener', onNew);
      server.on('upgrade', track);
    };
    server.on('newListener', onNew);
  }
}

/**
 * The Node server in what the app gave to listen(): a server, a request handler (an Express app is one), or an object with a
 * `server` (Fastify). Throws ERR_LIMPET_ADAPTER.
 */
export function nodeServerOf(given: unknown, createServer: (handler: never) => Server): Server {
  if (isNodeServer(given)) {
    if (given.listening) {
      throw new LimpetError(
        'ERR_LIMPET_ADAPTER',
        'the server listens already; limpet makes it listen. Remove its own listen() call and keep limpet.listen().',
      );
    }
    return given;
  }
  if (typeof given === 'function') return createServer(given as never);
  const inner = (given as { server?: unknown } | null | undefined)?.server;
  if (isNodeServer(inner)) return nodeServerOf(inner, createServer);
  throw new LimpetError(
    'ERR_LIMPET_ADAPTER',
    `listen() got ${given === null ? 'null' : typeof given} as its server, expected a net, http, https or http2 server, ` +
      'a request handler such as an Express app, or an object with such a server in .server (Fastify).',
  );
}

function isNodeServer(value: unknown): value is Server {
  return typeof value === 'object' && value !== null && typeof (value as Internals)._listen2 === 'function';
}
