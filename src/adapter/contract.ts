/** An adapter delivers received connections to the server that the app gave to listen(). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BoundAddress, ConnectionSink } from '../connection.js';
import type { LimpetError } from '../errors.js';

/** The server that the app gave to listen(). */
export interface AppServer {
  readonly kind: 'node' | 'uws';
  readonly tls: boolean;
  /** In a worker: makes the adapter of the server. `closedByApp` is called when the app closes its server, which ends the process. */
  adapter(closedByApp: () => void): Adapter;
  /** In the primary, which serves nothing: makes the app's server represent the router. Closing the server calls `close`. */
  primaryStub(close: () => Promise<unknown>): PrimaryStub;
}

export interface Adapter extends ConnectionSink {
  /** Connections that were delivered and are not yet closed. */
  readonly open: number;
  /** Called once for each received connection, when it is known to be closed. */
  onClosed: (() => void) | undefined;
  /** Node servers only: calls `hook` for each HTTP/1 request, before the app's own listeners. */
  eachRequest?(hook: (request: IncomingMessage, response: ServerResponse) => void): void;
  /** Answers health checks at `path`: 200 while `isHealthy`, else 503. Absent if the server does not speak HTTP. */
  answerHealth?(path: string, isHealthy: () => boolean): void;
  /**
   * Announces that connections will come to direct ports, too. The slot's own port is `base` + `slot`. Connections to the port of
   * another slot come while that slot is down. `shared` is the port that all slots serve.
   */
  directPorts?(base: number, slot: number, shared: number): void;
  /**
   * Node's HTTP servers only: forwards requests of other workers' clients, and accepts those that other workers forward.
   *
   * `path` is where the peer socket listens, and `opened` is called when it does. `peerOf` returns the path of the peer socket that
   * a request belongs to, or undefined if it belongs here. `direct`: the client connected to a direct port.
   */
  forwardRequests?(
    path: string,
    peerOf: (request: IncomingMessage, direct: boolean) => string | undefined,
    opened: () => void,
  ): void;
  /** Accepts no more connections on the peer socket. `done` is called when the last one is closed. */
  closePeerSocket?(done: () => void): void;
  /** Makes the app's server listen at `bound`, without a socket of its own. Connections may come from now on. */
  listen(bound: BoundAddress, backlog: number): void;
  /** Reports, in the server's own way, that the address cannot be bound. An error that the app does not handle is an uncaught exception. */
  failed(error: LimpetError): void;
  /** Closes each connection after its next response. */
  closeAfterAnswers(): void;
  /**
   * Finishes the open connections, closes each after its response, and calls `done` when the last one is closed.
   *
   * The app's server is closed only after `released`, because others end their sessions when it closes (Engine.IO does). Idle
   * connections stay open for `lingerMs` (lingering close), so that no client sends a request on a connection that is about to close.
   */
  drain(done: () => void, released?: Promise<void>, lingerMs?: number): void;
  /** Closes the connections that are still open. */
  closeAll(): void;
}

/** The app's server in the primary, where it represents the router. */
export interface PrimaryStub {
  /** Reports that the address is bound. */
  bound(address: BoundAddress): void;
  /** Reports an error. Returns false if the app does not listen for it. */
  failed(error: LimpetError): boolean;
}
