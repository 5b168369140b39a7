import type { Affinity } from '../affinity-options.js';
import type { EdgeAffinity } from './client-keys.js';

/** A machine that runs limpet. */
export interface EdgeNode {
  /** An address, or a name that the proxy can look up. */
  readonly host: string;
  /** The server's name in the configuration, from which HAProxy's server number is derived. Letters, digits, `.`, `_`, `-`. Default: the host. */
  readonly name?: string;
  /** Default: the `workers` of the settings. */
  readonly workers?: number;
  /** Default: the `port` of the settings. */
  readonly port?: number;
  /** Default: the `directPort` of the settings. */
  readonly directPort?: number;
}

/** The files with which the proxy terminates TLS. */
export interface EdgeTls {
  /** A PEM file with the certificate chain. */
  readonly certificate: string;
  /** A PEM file with the key. Default: the certificate's file. HAProxy accepts only that file or `<certificate>.key`. */
  readonly key?: string;
}

/** The input from which a proxy's configuration is written. */
export interface EdgeSettings {
  /** The machines that run limpet: host names or addresses, or objects with a machine's own settings. */
  readonly nodes: readonly (string | EdgeNode)[];
  /** Number of workers of each node, 1 to 256, as in the router's option `workers`. */
  readonly workers: number;
  /**
   * `direct`: the proxy chooses the worker. It sends HTTP to the worker's direct port, over pooled connections. `shared`: limpet chooses the
   * worker. The proxy connects to a node's shared port, and sends a PROXY header on each connection. Default: `direct` if there is a `directPort`.
   */
  readonly via?: 'direct' | 'shared';
  /** The shared port of each node. */
  readonly port?: number;
  /** The first direct port of each node. */
  readonly directPort?: number;
  /** The router's option `affinity`. Default `address`. */
  readonly affinity?: Affinity;
  /** The ports on which the proxy listens: a port, `host:port`, or a list of these. Default: 443 with TLS, else 80. */
  readonly listen?: number | string | readonly (number | string)[];
  /** If given, the proxy terminates TLS. */
  readonly tls?: EdgeTls;
  /** The router's option `healthPath`. */
  readonly healthPath?: string;
  /** The router's option `secret`. HAProxy's key for cookies is derived from it. */
  readonly secret?: string;
  /** Addresses and CIDRs of load balancers in front of the proxy. The last address in their X-Forwarded-For is the client. Default: none. */
  readonly trust?: readonly string[];
  /** HAProxy only. A server with more than `maxLoad` times the mean of requests, 1.01 to 10, gets no more: its clients go to another server meanwhile. Default: off. */
  readonly maxLoad?: number;
  /** How long a response, a long poll or a WebSocket may be silent before the proxy closes it, in ms. Default: one hour. */
  readonly quietMs?: number;
  /** The proxy's version, such as '1.29.6'. Default: the oldest supported version, nginx 1.18 or HAProxy 2.6. */
  readonly version?: string;
}

/** One `server` line of the proxy's configuration: a worker's direct port, or a machine's shared port. */
export interface EdgeServer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly workers: number;
}

export interface CheckedEdge {
  readonly servers: readonly EdgeServer[];
  readonly via: 'direct' | 'shared';
  readonly affinity: EdgeAffinity;
  readonly listens: readonly string[];
  readonly tls: EdgeTls | undefined;
  readonly healthPath: string | undefined;
  readonly secret: string | undefined;
  readonly trust: readonly string[];
  readonly maxLoad: number;
  readonly quietMs: number;
  readonly version: readonly number[];
}
