import { AsyncResource } from 'node:async_hooks';
import { Server } from 'node:net';
import type { BoundAddress, RawHandle } from '../../connection.js';
import { type Accepting, acceptSocket, copiesAreSlow } from './accepted-socket.js';

/** What we use of net.Server beyond its documentation. Node's own cluster feeds its workers by the same way in. */
interface Internals {
  _handle: ListeningHandle | null;
  _pipeName?: string;
  _listen2(address: string, port: number, type: number, backlog: number): void;
}
type Name = { address?: string; family?: string; port?: number };

/**
 * A listening handle without a socket: net takes it for one of its own, and serves what it is fed as if it had accepted it.
 * It is in the shape of the handle of a worker under Node's round robin (lib/internal/cluster/child.js), and, as the handle of
 * a real listen does, it carries the asynchronous context of the call that made it.
 */
export class ListeningHandle extends AsyncResource {
  /** Set by net when it starts to listen. */
  onconnection: ((this: ListeningHandle, status: number, handle?: RawHandle) => void) | undefined;
  /** As on a real handle, there is none for a unix-domain socket. */
  getsockname?: (out: Name) => number;
  /** Whether the server was closed; it emits 'close' when its last connection is. */
  closed = false;
  readonly #server: Internals;
  readonly #onClose: () => void;

  /** `onClose` is called once, from within server.close(). */
  constructor(server: Server, onClose: () => void) {
    super('LIMPETSERVER');
    this.#server = server as unknown as Internals;
    this.#onClose = onClose;
  }

  /** Makes the server listen; 'listening' follows in the next tick. */
  listenAt(bound: BoundAddress, backlog: number): void {
    const server = this.#server;
    server._handle = this;
    const [address, port, type] =
      'path' in bound ? [bound.path, -1, -1] : [bound.address, bound.port, bound.family === 'IPv6' ? 6 : 4];
    if ('path' in bound) server._pipeName = bound.path;
    else {
      this.getsockname = (out) => {
        Object.assign(out, bound);
        return 0;
      };
    }
    this.runInAsyncScope(() => server._listen2(address, port, type, backlog));
  }

  /** The server's 'connection' listeners run before it returns, and what they throw is thrown. */
  feed(handle: RawHandle): void {
    this.runInAsyncScope(this.#accept, this, handle);
  }

  #accept(handle: RawHandle): void {
    if (copiesAreSlow && acceptSocket(this.#server as unknown as Accepting, handle)) return;
    this.onconnection?.(0, handle);
  }

  // What net calls.

  listen(): number {
    return 0;
  }
  close(callback?: () => void): void {
    if (callback) process.nextTick(callback);
    if (this.closed) return;
    this.closed = true;
    this.#onClose();
    this.emitDestroy();
  }
  /** A worker lives as long as its channel to the primary: a listening server neither keeps it nor lets it go. */
  ref(): void {}
  unref(): void {}
  getAsyncId(): number {
    return this.asyncId();
  }
}

let missing: string | false | undefined;

/** Which of the internals that feeding needs this Node.js has not; false when all are there. Looked for once in a process. */
export function missingInternals(): string | false {
  missing ??= lookForInternals();
  return missing;
}

/** Plays a server's life on a server of its own. */
function lookForInternals(): string | false {
  const server = new Server();
  if (typeof (server as unknown as Internals)._listen2 !== 'function') return 'server._listen2';
  const fed = new ListeningHandle(server, () => {});
  const bound: BoundAddress = { address: '127.0.0.1', family: 'IPv4', port: 1 };
  let failure: unknown;
  server.once('error', (error) => {
    failure = error;
  });
  try {
    fed.listenAt(bound, 1);
    if (!server.listening) return 'server._handle';
    if (typeof fed.onconnection !== 'function') return 'handle.onconnection';
    if ((server.address() as Name | null)?.port !== bound.port) return 'handle.getsockname';
    fed.onconnection(-1);
    if (!failure) return 'handle.onconnection(status, handle)';
    server.close();
    return fed.closed ? false : 'handle.close';
  } catch (error) {
    return `a way in (${(error as Error).message})`;
  }
}
