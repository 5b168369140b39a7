/** The graceful shutdown of a Node server: it announces the end, serves what is in flight, then closes. */
import { type Server as HttpServer, ServerResponse } from 'node:http';
import type { Server } from 'node:net';

/** A client that sends its next request within this time of the drain's begin gets a response with `Connection: close`. */
const idleGraceMs = 1000;
const lookEveryMs = 50;

/** A server that is drained. */
export interface DrainingServer {
  readonly server: Server;
  /** The number of open connections. */
  openConnections(): number;
  /** Whether server.close() was called. The server emits 'close' only when its last connection is closed. */
  isClosed(): boolean;
}

interface ResponseHead {
  shouldKeepAlive: boolean;
  _storeHeader(...head: unknown[]): void;
}
let closesAfterResponses = false;

/**
 * From now on each response of this process carries `Connection: close`, so that no client sends a request on a connection that is
 * about to close. It patches the class of the responses, because listeners would not reach requests that are in flight.
 */
export function closeAfterResponses(): void {
  if (closesAfterResponses) return;
  closesAfterResponses = true;
  const prototype = ServerResponse.prototype as unknown as ResponseHead;
  const storeHeader = prototype._storeHeader;
  prototype._storeHeader = function (...head) {
    this.shouldKeepAlive = false;
    storeHeader.apply(this, head);
  };
}

/**
 * Lets a listening server finish its connections, then calls `done`.
 *
 * Idle HTTP connections stay open for `lingerMs`, at least for 1 s, or until no connection is open. A request that is already on its
 * way then gets a response that announces the close. An immediate close would reset that request. After this time idle connections
 * are closed. server.close() is called when `released` has resolved, too.
 */
export function drainServer(
  draining: DrainingServer,
  done: () => void,
  released: Promise<void>,
  lingerMs: number,
): void {
  const { server } = draining;
  // If the app has called close() itself, the 'close' event may come during the grace period.
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  closed.then(done);
  closeAfterResponses();
  const graceMs = 'closeIdleConnections' in server ? Math.max(lingerMs, idleGraceMs) : 0;
  whenNoneIsOpen(draining, graceMs, () => closeServer(draining, closed, released));
}

/** Calls `next` when no connection is open, or after `timeoutMs`. */
function whenNoneIsOpen(draining: DrainingServer, timeoutMs: number, next: () => void): void {
  const endsAt = performance.now() + timeoutMs;
  const look = () => {
    if (draining.openConnections() === 0 || performance.now() >= endsAt) next();
    // setImmediate(): if the process was halted, requests that arrived meanwhile are read before the next look.
    else setTimeout(() => setImmediate(look), lookEveryMs);
  };
  look();
}

function closeServer(draining: DrainingServer, closed: Promise<void>, released: Promise<void>): void {
  const { server } = draining;
  const { closeIdleConnections } = server as Partial<HttpServer>;
  // Responses that had begun before the drain leave their connections idle and alive. Each look closes those that are idle by then.
  const timer = setInterval(() => closeIdleConnections?.call(server), lookEveryMs);
  closed.then(() => clearInterval(timer));
  closeIdleConnections?.call(server);
  released.then(() => {
    if (!draining.isClosed()) server.close();
    closeIdleConnections?.call(server);
  });
}
