/** What every part of a connection's way agrees on: where it is listened for, what is passed on, and where it ends. */

/** Where to listen, checked and complete. `port` 0 lets the system choose. */
export type ListenAddress =
  | {
      readonly port: number;
      readonly host: string | undefined;
      readonly ipv6Only: boolean;
      readonly backlog: number;
    }
  | { readonly path: string; readonly backlog: number };

/** Where a listener really listens, as `server.address()` tells it. */
export type BoundAddress =
  | { readonly address: string; readonly family: 'IPv4' | 'IPv6'; readonly port: number }
  | { readonly path: string };

/** A handle as Node's own internals pass it (TCP or Pipe wrap): never a net.Socket. */
export interface RawHandle {
  readonly fd: number;
  close(callback?: () => void): void;
  getpeername?(out: { address?: string; family?: string; port?: number }): number;
  getsockname?(out: { address?: string; family?: string; port?: number }): number;
}

/** The client at the far end, where a PROXY header told that it is not the socket's own peer. In the form of `getpeername`. */
export interface ProxiedClient {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
}

/** Where a worker half puts what it receives: the adapter of the server that the app gave to listen(). */
export interface ConnectionSink {
  /** Takes ownership of the descriptor (non-blocking, close-on-exec); never throws. */
  takeDescriptor(fd: number, client?: ProxiedClient): void;
  /** Takes ownership of the handle; never throws. `read` is what was read from it already: it comes first in the stream. */
  takeHandle(handle: RawHandle, client?: ProxiedClient, read?: Buffer): void;
}
