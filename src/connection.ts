/** The types of a connection: the address that it came to, the handle that is passed on, and the sink that takes it in the worker. */

/** An address to listen on, checked and complete. `port` 0 lets the system choose. */
export type ListenAddress =
  | {
      readonly port: number;
      readonly host: string | undefined;
      readonly ipv6Only: boolean;
      readonly backlog: number;
    }
  | { readonly path: string; readonly backlog: number };

/** The address on which a listener listens, in the form of `server.address()`. */
export type BoundAddress =
  | { readonly address: string; readonly family: 'IPv4' | 'IPv6'; readonly port: number }
  | { readonly path: string };

/** A TCP or pipe handle of Node's internals (tcp_wrap, pipe_wrap), not a net.Socket. */
export interface RawHandle {
  readonly fd: number;
  close(callback?: () => void): void;
  getpeername?(out: { address?: string; family?: string; port?: number }): number;
  getsockname?(out: { address?: string; family?: string; port?: number }): number;
}

/** The client that a PROXY header names instead of the socket's own peer. In the form of `getpeername`. */
export interface ProxiedClient {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
}

/** Takes the connections that a worker receives: the adapter of the server that the app gave to listen(). */
export interface ConnectionSink {
  /** Takes ownership of the descriptor, which is non-blocking and close-on-exec. Never throws. */
  takeDescriptor(fd: number, client?: ProxiedClient): void;
  /** Takes ownership of the handle. Never throws. `read` are bytes that were read from it already: they come first in the stream. */
  takeHandle(handle: RawHandle, client?: ProxiedClient, read?: Buffer): void;
}
