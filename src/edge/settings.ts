import type { Affinity } from '../affinity-options.js';
import type { EdgeAffinity } from './client-keys.js';

/** A machine that runs limpet. */
export interface EdgeNode {
  /** An address, or a name that the proxy can look up. */
  readonly host: string;
  /** For people, and for HAProxy's numbering of servers: letters, digits, `.`, `_`, `-`. By default the host. */
  readonly name?: string;
  /** Where it differs from the others'. */
  readonly workers?: number;
  /** Where it differs from the others'. */
  readonly port?: number;
  /** Where it differs from the others'. */
  readonly directPort?: number;
}

/** TLS that ends at the proxy. */
export interface EdgeTls {
  /** A PEM file with the certificate chain. */
  readonly certificate: string;
  /** A PEM file with the key; by default the certificate's own file. HAProxy takes that, or `<certificate>.key`. */
  readonly key?: string;
}

/** From what a proxy's configuration is written. */
export interface EdgeSettings {
  /** Hosts, or hosts with what differs. */
  readonly nodes: readonly (string | EdgeNode)[];
  /** Workers of each node: its router's option `workers`, as a number, 1 to 256. */
  readonly workers: number;
  /**
   * `direct`: HTTP to the port of each worker, over connections that all clients share. `shared`: to each node's shared port, each connection
   * with a PROXY header, and limpet chooses the worker. Default: `direct` where there is a `directPort`.
   */
  readonly via?: 'direct' | 'shared';
  /** The shared port. */
  readonly port?: number;
  /** The first of each node's direct ports. */
  readonly directPort?: number;
  /** The routers' own option. Default `address`. */
  readonly affinity?: Affinity;
  /** Where clients come: a port, or `host:port`; several in a list. Default 443 with TLS, else 80. */
  readonly listen?: number | string | readonly (number | string)[];
  /** Ends TLS at the proxy. */
  readonly tls?: EdgeTls;
  /** The routers' own option. */
  readonly healthPath?: string;
  /** The routers' own option, of which HAProxy's key for cookies is derived. */
  readonly secret?: string;
  /** Addresses and CIDRs of load balancers in front of the proxy, whose X-Forwarded-For ends with the client. Nobody by default. */
  readonly trust?: readonly string[];
  /** HAProxy: no server gets more than so many times the mean of requests, 1.01 to 10; a client whose server has goes elsewhere. Off by default. */
  readonly maxLoad?: number;
  /** How long an answer, a poll or a WebSocket may be silent, in ms. Default an hour. */
  readonly quietMs?: number;
  /** The proxy's version, such as '1.29.6'. Default: the oldest that is served, nginx 1.18 or HAProxy 2.6. */
  readonly version?: string;
}

/** One server as the proxy sees it. */
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
