import { closeSync } from 'node:fs';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Session } from 'node:http2';
import { type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import type { BoundAddress, ProxiedClient, RawHandle } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import type { LimpetError } from '../../errors.js';
import type { Adapter } from '../contract.js';
import { PeerSocket } from '../forward/peer-socket.js';
import { forwardRequests } from '../forward/request-forwarding.js';
import { answerHealth } from '../health.js';
import { markProxied } from '../proxied-socket.js';
import { closeCounter } from './connection-handles.js';
import { DirectPort } from './direct-port.js';
import { answerWithClose } from './drain.js';
import { ListeningHandle } from './listening-handle.js';
import { omitResetTraces } from './reset-errors.js';

/** A class of net's handles, as it is read off one of them. */
type HandleClass = new (type: number) => RawHandle & { open(fd: number): number };
type OwnerOf = (request: IncomingMessage, chosen: boolean) => string | undefined;

/** Node's own default, and what takes its place where proxies pool connections: they, not the server, shall end those that idle. */
const nodeKeepAliveMs = 5000;
const pooledKeepAliveMs = 75_000;

/** A client that keeps a connection alive and asks again within this time learns from the answer that it closes. */
const idlePatienceMs = 1000;

/** TCPConstants.SOCKET and PipeConstants.SOCKET in Node's tcp_wrap and pipe_wrap. */
const socketType = 0;

/**
 * Feeds a Node server (net, tls, http, https, http2, and whatever is built on them) with connections that were accepted
 * elsewhere, so that the server cannot tell: all goes through a listening handle, {@link ListeningHandle}, that is ours. A bare
 * `emit('connection')` would leave headersTimeout, requestTimeout, getConnections, maxConnections, close and noDelay dead.
 */
export class NodeAdapter implements Adapter {
  readonly server: Server;
  /** Connections fed and not yet closed. */
  open = 0;
  /** Called for each connection that was fed, or could not be, when it is closed. */
  onClosed: (() => void) | undefined;
  readonly #listeningHandle: ListeningHandle;
  readonly #webSockets: Set<Duplex> = new Set();
  readonly #http2Sessions: Set<Http2Session> = new Set();
  readonly #closedByApp: () => void;
  #HandleClass: HandleClass | undefined;
  #draining = false;
  readonly #countClose = closeCounter(() => {
    this.open -= 1;
    this.onClosed?.();
  });
  #peerSocket: PeerSocket | undefined;
  #directPort: DirectPort | undefined;

  /**
   * Make it in the app's own call of listen(): the server's events run in the asynchronous context of that call.
   * `closedByApp` is called, once, when the app, not limpet, closes the server, be it before it listens.
   */
  constructor(server: Server, closedByApp: () => void) {
    this.server = server;
    this.#closedByApp = closedByApp;
    server.once('close', closedByApp);
    this.#listeningHandle = new ListeningHandle(server, () => {
      if (!this.#draining) closedByApp();
    });
  }

  /** Makes the server listen, as far as it can tell, at `bound`; it emits 'listening' in the next tick. */
  listen(bound: BoundAddress, backlog: number): void {
    this.server.off('close', this.#closedByApp);
    this.#listeningHandle.listenAt(bound, backlog);
    this.#watchUpgrades();
    this.#watchHttp2Sessions();
    if ('headersTimeout' in this.server) omitResetTraces(this.server);
  }

  eachRequest(hook: (request: IncomingMessage, response: ServerResponse) => void): void {
    this.server.prependListener('request', hook);
  }

  answerHealth(path: string, isHealthy: () => boolean): void {
    answerHealth(this.server, path, ({ socket }) => isHealthy() && !this.#directPort?.isOtherSlots(socket));
  }

  directPorts(base: number, slot: number, shared: number): void {
    const direct = new DirectPort(base, slot, shared);
    this.#directPort = direct;
    const { server } = this;
    if ('keepAliveTimeout' in server && server.keepAliveTimeout === nodeKeepAliveMs)
      server.keepAliveTimeout = pooledKeepAliveMs;
    this.eachRequest((request, response) => {
      if (direct.isOtherSlots(request.socket)) response.shouldKeepAlive = false;
    });
  }

  forwardRequests(path: string, ownerOf: OwnerOf, opened: () => void): void {
    if (!('headersTimeout' in this.server)) {
      opened();
      return;
    }
    forwardRequests(this.server, (request) =>
      ownerOf(request, this.#directPort?.isDirect(request.socket) ?? false),
    );
    this.#peerSocket = new PeerSocket(path, this.server, opened);
  }

  failed(error: LimpetError): void {
    process.nextTick(() => this.server.emit('error', error));
  }

  takeHandle(handle: RawHandle, client?: ProxiedClient, read?: Buffer): void {
    this.open += 1;
    this.#countClose(handle);
    if (!this.server.listening) {
      handle.close();
      return;
    }
    if (client) {
      handle.getpeername = (out) => {
        Object.assign(out, client);
        return 0;
      };
    }
    const prepare = (socket: Socket): void => {
      if (client) markProxied(socket);
      if (read?.length) socket.unshift(read);
    };
    const prepared = client !== undefined || (read?.length ?? 0) > 0;
    if (prepared) this.server.prependOnceListener('connection', prepare);
    try {
      this.#listeningHandle.feed(handle);
      // Where the server refused the connection (maxConnections), nothing was emitted.
      if (prepared) this.server.off('connection', prepare);
    } catch (error) {
      // What the app's own 'connection' listener throws is the app's, as on a plain listen: uncaught, outside of our loop.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  takeDescriptor(fd: number, client?: ProxiedClient): void {
    try {
      this.takeHandle(this.#handleOf(fd), client);
    } catch (error) {
      publish('limpet:fault', () => ({ where: 'open descriptor', error }));
      closeIfOpen(fd);
      this.onClosed?.();
    }
  }

  closeAfterAnswers(): void {
    answerWithClose();
  }

  /**
   * Takes nothing new, answers what is open with `Connection: close`, and calls `done` when the last connection is closed. Idle ones
   * are not closed at once: the next request may be on its way, and would meet the closing instead of an answer that says so.
   */
  drain(done: () => void, released: Promise<void> = Promise.resolve(), lingerMs = 0): void {
    this.#draining = true;
    const { server } = this;
    if (!server.listening) {
      done();
      return;
    }
    // The app may have closed the server already: its last connection, and with it the event, can go while we are patient.
    const closed = new Promise<void>((resolve) => server.once('close', resolve));
    closed.then(done);
    answerWithClose();
    for (const session of this.#http2Sessions) session.close();
    const patienceMs = 'closeIdleConnections' in server ? Math.max(lingerMs, idlePatienceMs) : 0;
    this.#whenQuiet(patienceMs, () => this.#closeServer(closed, released));
  }

  /** Calls `then` after `patienceMs`, or as soon as nothing is open. */
  #whenQuiet(patienceMs: number, then: () => void): void {
    const endsAt = performance.now() + patienceMs;
    const look = () => {
      if (this.open === 0 || performance.now() >= endsAt) then();
      // After a halt of the process, what came meanwhile is read before it is looked again.
      else setTimeout(() => setImmediate(look), 50);
    };
    look();
  }

  #closeServer(closed: Promise<void>, released: Promise<void>): void {
    const { server } = this;
    const { closeIdleConnections } = server as Partial<HttpServer>;
    // An answer that had begun before leaves its connection idle and kept alive: look again until all are gone.
    const again = setInterval(() => closeIdleConnections?.call(server), 50);
    closed.then(() => clearInterval(again));
    closeIdleConnections?.call(server);
    released.then(() => {
      // Where the app has called close(), the server is closed already.
      if (!this.#listeningHandle.closed) server.close();
      closeIdleConnections?.call(server);
    });
  }

  closePeerSocket(done: () => void): void {
    if (this.#peerSocket) this.#peerSocket.close(done);
    else done();
  }

  /** Ends what is still open: WebSockets with 1012 (service restart, RFC 6455 section 7.4.2), the rest by closing. */
  closeAll(): void {
    for (const socket of this.#webSockets) socket.end(Buffer.from([0x88, 0x02, 0x03, 0xf4]));
    for (const session of this.#http2Sessions) session.destroy();
    (this.server as HttpServer).closeAllConnections?.();
  }

  /** net keeps the class of its handles to itself: it is read off the first descriptor's own handle. */
  #handleOf(fd: number): RawHandle {
    if (this.#HandleClass) {
      const handle = new this.#HandleClass(socketType);
      const error = handle.open(fd);
      if (error !== 0) throw new Error(`open(${fd}) failed: ${getSystemErrorName(error)}`);
      return handle;
    }
    const probe = new Socket({ fd, readable: false, writable: false }) as unknown as {
      _handle: RawHandle | null;
    };
    const handle = probe._handle as RawHandle;
    probe._handle = null;
    this.#HandleClass = handle.constructor as HandleClass;
    return handle;
  }

  /** An 'upgrade' listener alone changes what http does: ours is there while one of the app's is, and no longer. */
  #watchUpgrades(): void {
    const { server } = this;
    const track = (request: IncomingMessage, socket: Duplex) => {
      if (request.headers.upgrade?.toLowerCase() !== 'websocket') return;
      this.#webSockets.add(socket);
      socket.once('close', () => this.#webSockets.delete(socket));
    };
    const come = (event: string | symbol, listener: unknown) => {
      if (event !== 'upgrade' || listener === track || server.listenerCount('upgrade') > 0) return;
      server.on('upgrade', track);
    };
    const go = (event: string | symbol) => {
      if (event === 'upgrade' && server.listenerCount('upgrade') === 1) server.off('upgrade', track);
    };
    if (server.listenerCount('upgrade') > 0) server.on('upgrade', track);
    server.on('newListener', come);
    server.on('removeListener', go);
  }

  #watchHttp2Sessions(): void {
    if (!('updateSettings' in this.server)) return;
    this.server.on('session', (session: Http2Session) => {
      this.#http2Sessions.add(session);
      session.once('close', () => this.#http2Sessions.delete(session));
    });
  }
}

function closeIfOpen(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It was no descriptor: there is nothing to close.
  }
}
