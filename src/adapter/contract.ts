import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BoundAddress, ConnectionSink } from '../connection.js';
import type { LimpetError } from '../errors.js';

/** What the app gave to listen(), recognized. */
export interface AppServer {
  readonly kind: 'node' | 'uws';
  readonly tls: boolean;
  /** For a worker: what feeds connections to the app's server. `closedByApp` is called when the app closes it: the process shall leave. */
  adapter(closedByApp: () => void): Adapter;
  /** For the primary, where nothing is served: what makes the app's server speak for the router, which `close` closes. */
  primaryStub(close: () => Promise<unknown>): PrimaryStub;
}

export interface Adapter extends ConnectionSink {
  /** Connections fed and not yet closed. */
  readonly open: number;
  /** Called for each connection that was fed, when it is known to be closed. */
  onClosed: (() => void) | undefined;
  /** Node servers only: calls `hook` for each HTTP/1 request, ahead of the app's own listeners. */
  eachRequest?(hook: (request: IncomingMessage, response: ServerResponse) => void): void;
  /** Answers health checks at `path`: 200 while `isHealthy`, else 503. Servers that do not speak HTTP leave it out. */
  answerHealth?(path: string, isHealthy: () => boolean): void;
  /**
   * Beside the `shared` port, connections will come that chose their slot: by the port `base` + `slot`, the own one, and, while
   * another slot is down, by its.
   */
  directPorts?(base: number, slot: number, shared: number): void;
  /**
   * Node's HTTP servers only: passes requests on to the door that `ownerOf` gives, and opens a door of its own at `path`;
   * `opened` is called when others may come. `chosen`: whoever connected has chosen the slot.
   */
  forwardRequests?(
    path: string,
    ownerOf: (request: IncomingMessage, chosen: boolean) => string | undefined,
    opened: () => void,
  ): void;
  /** Lets nobody in by the door any more; `done` when the last has gone. */
  closePeerSocket?(done: () => void): void;
  /** The address is bound: connections may come from now on. */
  listen(bound: BoundAddress, backlog: number): void;
  /** The address cannot be bound. Told as the server tells its errors; unheard, it is an uncaught exception. */
  failed(error: LimpetError): void;
  /** From now on no connection is kept alive beyond its next answer. */
  closeAfterAnswers(): void;
  /**
   * Finishes what is open, keeping no connection alive beyond its answer; calls `done` when the last one is closed. The app's
   * server is not closed before `released`: whoever hears it close, such as Engine.IO, ends its sessions. Idle connections are left
   * open for `lingerMs`, in ms, so that nobody sends a request into the closing of one.
   */
  drain(done: () => void, released?: Promise<void>, lingerMs?: number): void;
  /** Closes what is still open. */
  closeAll(): void;
}

/** What the router says through the app's server. */
export interface PrimaryStub {
  bound(address: BoundAddress): void;
  /** False when nobody was there to hear it. */
  failed(error: LimpetError): boolean;
}
