import { closeSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { BoundAddress, ProxiedClient, RawHandle } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import type { LimpetError } from '../../errors.js';
import type { Adapter } from '../contract.js';
import { PeerSocket } from '../forward/peer-socket.js';
import { forwardRequests } from '../forward/request-forwarding.js';
import { answerHealth } from '../health.js';
import { markProxied } from '../proxied-client.js';
import { ConnectionHandles } from './connection-handles.js';
import { DirectPort } from './direct-port.js';
import { closeAfterResponses, drainServer } from './drain.js';
import { ListeningHandle } from './listening-handle.js';
import { LongConnections } from './long-connections.js';
import { omitResetTraces } from './reset-errors.js';

/**
 * Delivers connections to a Node server: net, tls, http, https, http2, and everything built on them. The server cannot tell that
 * another process accepted them, because they come through a listening handle, {@link ListeningHandle}. A bare
 * `server.emit('connection')` would disable headersTimeout, requestTimeout, getConnections, maxConnections, close and noDelay.
 */
export class NodeAdapter implements Adapter {
  readonly server: Server;
  /** Connections that were delivered and are not yet closed. */
  open = 0;
  /** Called when a connection is closed that was delivered, or that could not be. */
  onClosed: (() => void) | undefined;
  readonly #closedByApp: () => void;
  readonly #listeningHandle: ListeningHandle;
  readonly #longConnections: LongConnections;
  readonly #handles: ConnectionHandles = new ConnectionHandles(() => {
    this.open -= 1;
    this.onClosed?.();
  });
  #peerSocket: PeerSocket | undefined;
  #directPort: DirectPort | undefined;
  #draining = false;

  /**
   * Call it within the app's own call of listen(): the server's events run in the asynchronous context of that call. `closedByApp`
   * is called once when the app, not limpet, closes the server, even before it listens.
   */
  constructor(server: Server, closedByApp: () => void) {
    this.server = server;
    this.#closedByApp = closedByApp;
    server.once('close', closedByApp);
    this.#longConnections = new LongConnections(server);
    this.#listeningHandle = new ListeningHandle(server, () => {
      if (!this.#draining) closedByApp();
    });
  }

  listen(bound: BoundAddress, backlog: number): void {
    const { server } = this;
    server.off('close', this.#closedByApp);
    this.#listeningHandle.listenAt(bound, backlog);
    this.#longConnections.track();
    if ('headersTimeout' in server) omitResetTraces(server);
  }

  failed(error: LimpetError): void {
    process.nextTick(() => this.server.emit('error', error));
  }

  eachRequest(hook: (request: IncomingMessage, response: ServerResponse) => void): void {
    this.server.prependListener('request', hook);
  }

  answerHealth(path: string, isHealthy: () => boolean): void {
    answerHealth(this.server, path, ({ socket }) => isHealthy() && !this.#directPort?.isOtherSlots(socket));
  }

  directPorts(base: number, slot: number, shared: number): void {
    this.#directPort = new DirectPort(base, slot, shared);
    this.#directPort.adapt(this.server);
  }

  forwardRequests(
    path: string,
    peerOf: (request: IncomingMessage, direct: boolean) => string | undefined,
    opened: () => void,
  ): void {
    if (!('headersTimeout' in this.server)) {
      opened();
      return;
    }
    forwardRequests(this.server, (request) =>
      peerOf(request, this.#directPort?.isDirect(request.socket) ?? false),
    );
    this.#peerSocket = new PeerSocket(path, this.server, opened);
  }

  closePeerSocket(done: () => void): void {
    if (this.#peerSocket) this.#peerSocket.close(done);
    else done();
  }

  takeDescriptor(fd: number, client?: ProxiedClient): void {
    try {
      this.takeHandle(this.#handles.fromDescriptor(fd), client);
    } catch (error) {
      publish('limpet:fault', () => ({ where: 'open descriptor', error }));
      closeIfOpen(fd);
      this.onClosed?.();
    }
  }

  takeHandle(handle: RawHandle, client?: ProxiedClient, read?: Buffer): void {
    this.open += 1;
    this.#handles.count(handle);
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
    const needsPreparation = client !== undefined || (read?.length ?? 0) > 0;
    if (needsPreparation) this.server.prependOnceListener('connection', prepare);
    try {
      this.#listeningHandle.deliver(handle);
      // If the server dropped the connection (maxConnections), it has not emitted 'connection'.
      if (needsPreparation) this.server.off('connection', prepare);
    } catch (error) {
      // The app's 'connection' listener threw. The exception is uncaught, as on a plain listen(), and must not end our own loop.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  closeAfterAnswers(): void {
    closeAfterResponses();
  }

  drain(done: () => void, released: Promise<void> = Promise.resolve(), lingerMs = 0): void {
    this.#draining = true;
    const { server } = this;
    if (!server.listening) {
      done();
      return;
    }
    this.#longConnections.closeHttp2Sessions();
    const draining = {
      server,
      openConnections: () => this.open,
      isClosed: () => this.#listeningHandle.closed,
    };
    drainServer(draining, done, released, lingerMs);
  }

  closeAll(): void {
    this.#longConnections.closeAll();
  }
}

function closeIfOpen(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It is not an open descriptor.
  }
}
