import { AsyncResource } from 'node:async_hooks';
import { Server } from 'node:net';
import type { BoundAddress, RawHandle } from '../../connection.js';
import { type Accepting, acceptSocket, copiesAreSlow } from './accepted-socket.js';

/** The undocumented parts of net.Server that limpet uses. Node's own cluster delivers connections to its workers by them. */
interface Internals {
  _handle: ListeningHandle | null;
  _pipeName?: string;
  _listen2(address: string, port: number, type: number, backlog: number): void;
}
type Name = { address?: string; family?: string; port?: number };

/**
 * A listening handle without a socket. net treats it as its own, and serves the connections delivered to it as if it had accepted
 * them. It has the shape of the handle that Node's cluster gives to workers under round robin (lib/internal/cluster/child.js). Like
 * the handle of a real listen(), it carries the asynchronous context of the call that made it.
 */
export class ListeningHandle extends AsyncResource {
  /** net sets it when the server starts to listen. */
  onconnection: ((this: ListeningHandle, status: number, handle?: RawHandle) => void) | undefined;
  /** Absent for a unix-domain socket, as on a real handle. */
  getsockname?: (out: Name) => number;
  /** Whether server.close() was called. The server emits 'close' only when its last connection is closed. */
  closed = false;
  readonly #server: Internals;
  readonly #onClose: () => void;

  /** `onClose` is called once, within server.close(). */
  constructor(server: Server, onClose: () => void) {
    super('LIMPETSERVER');
    this.#server = server as unknown as Internals;
    this.#onClose = onClose;
  }

  /** Makes the server listen at `bound`, without a socket of its own. The server emits 'listening' in the next tick. */
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

  /** Delivers a connection. The server's 'connection' listeners run before it returns. Throws what they throw. */
  deliver(handle: RawHandle): void {
    this.runInAsyncScope(this.#accept, this, handle);
  }

  #accept(handle: RawHandle): void {
    if (copiesAreSlow && acceptSocket(this.#server as unknown as Accepting, handle)) return;
    this.onconnection?.(0, handle);
  }

  // The methods that net calls.

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
  /** No-op. The IPC channel to the primary keeps the worker alive. */
  ref(): void {}
  unref(): void {}
  getAsyncId(): number {
    return this.asyncId();
  }
}

let missing: string | false | undefined;

/** Returns the first internal that limpet needs and this Node.js lacks, or false if it has all. Checked once in a process. */
export function missingInternals(): string | false {
  missing ??= checkInternals();
  return missing;
}

/** Takes a server of its own through its life: listen, an error, close. */
function checkInternals(): string | false {
  const server = new Server();
  if (typeof (server as unknown as Internals)._listen2 !== 'function') return 'server._listen2';
  const handle = new ListeningHandle(server, () => {});
  const bound: BoundAddress = { address: '127.0.0.1', family: 'IPv4', port: 1 };
  let failure: unknown;
  server.once('error', (error) => {
    failure = error;
  });
  try {
    handle.listenAt(bound, 1);
    if (!server.listening) return 'server._handle';
    if (typeof handle.onconnection !== 'function') return 'handle.onconnection';
    if ((server.address() as Name | null)?.port !== bound.port) return 'handle.getsockname';
    handle.onconnection(-1);
    if (!failure) return 'handle.onconnection(status, handle)';
    server.close();
    return handle.closed ? false : 'handle.close';
  } catch (error) {
    return `a working listening handle (${(error as Error).message})`;
  }
}
