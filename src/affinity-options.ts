/** What the option `affinity` may say. */

/** Rules that need no options. */
export const affinityNames = ['address', 'proxy-protocol', 'forwarded', 'cookie', 'socket.io'] as const;
/** A rule by its name alone: `address`, `proxy-protocol`, `forwarded`, `cookie` or `socket.io`. */
export type AffinityName = (typeof affinityNames)[number];

/** Addresses, CIDRs, and the names `loopback`, `linklocal`, `uniquelocal`, `unix` (peers of a unix socket): a list, or a text with commas. */
export type Trust = string | readonly string[];

/** The client that a PROXY header, version 1 or 2, of a trusted peer tells (HAProxy's proxy-protocol.txt). */
export interface ProxyProtocolRule {
  /** The rule. */
  by: 'proxy-protocol';
  /** Who may send a header; by default as the router's `trust`. */
  trust?: Trust;
  /** A trusted peer may come without a header. By default as the router's `proxyProtocol`. */
  optional?: boolean;
}

/** The right-most address that is not trusted, of X-Forwarded-For or Forwarded (RFC 7239). */
export interface ForwardedRule {
  /** The rule. */
  by: 'forwarded';
  /** Whose headers are believed; by default as the router's `trust`. */
  trust?: Trust;
  /** The one that the proxies write. Where it is not said, and a request has both, they must agree. */
  header?: 'x-forwarded-for' | 'forwarded';
}

/** limpet's own cookie, and the attributes of RFC 6265 that it is set with. */
export interface CookieRule {
  /** The rule. */
  by: 'cookie';
  /** Default `limpet`. */
  name?: string;
  /** How long a cookie leads to its worker, in ms, whatever its Max-Age; in whole hours, rounded up. */
  maxAgeMs?: number;
  /** Default `/`. */
  path?: string;
  /** By default none: the cookie goes back to the host that set it. */
  domain?: string;
  /** Default true. */
  httpOnly?: boolean;
  /** Default: as the request came. */
  secure?: boolean;
  /** Default `lax`. */
  sameSite?: 'strict' | 'lax' | 'none';
  /** In seconds; by default the browser drops the cookie when it ends. */
  maxAge?: number;
}

/** One way to tell clients apart. `{ header }`, `{ query }` and `{ cookie }` name something that the app's clients send anyway. */
export type AffinityRule =
  | AffinityName
  | { by: 'address' | 'socket.io' }
  | ProxyProtocolRule
  | ForwardedRule
  | CookieRule
  | { header: string }
  | { query: string }
  | { cookie: string };

/** One rule, or a list of which the first that yields a key decides. Every list ends in `address`, written or not. */
export type Affinity = AffinityRule | readonly AffinityRule[];
