/** The types of the option `affinity`. */

/** Rules that need no options. */
export const affinityNames = ['address', 'proxy-protocol', 'forwarded', 'cookie', 'socket.io'] as const;
/** A rule by its name alone: `address`, `proxy-protocol`, `forwarded`, `cookie` or `socket.io`. */
export type AffinityName = (typeof affinityNames)[number];

/** Addresses, CIDRs, and the names `loopback`, `linklocal`, `uniquelocal`, `unix` (peers of a unix socket): a list, or one text with commas. */
export type Trust = string | readonly string[];

/** Affinity by the client's address in a PROXY header, version 1 or 2 (HAProxy's proxy-protocol.txt), if the peer is trusted. */
export interface ProxyProtocolRule {
  /** The rule. */
  by: 'proxy-protocol';
  /** The peers that may send a header. Default: the router's `trust`. */
  trust?: Trust;
  /** Whether a trusted peer may connect without a header. Default: the router's `proxyProtocol`. */
  optional?: boolean;
}

/** Affinity by the right-most address in X-Forwarded-For or Forwarded (RFC 7239) that is not trusted. */
export interface ForwardedRule {
  /** The rule. */
  by: 'forwarded';
  /** The proxies whose headers are believed. Default: the router's `trust`. */
  trust?: Trust;
  /** The header that the proxies write. By default both are read; if a request has both, they must name the same client. */
  header?: 'x-forwarded-for' | 'forwarded';
}

/** Affinity by limpet's own cookie, with the cookie attributes of RFC 6265. */
export interface CookieRule {
  /** The rule. */
  by: 'cookie';
  /** Default `limpet`. */
  name?: string;
  /** How long a cookie leads to its worker, in ms, from the hour in which it was set; rounded up to whole hours. Max-Age does not matter. */
  maxAgeMs?: number;
  /** Default `/`. */
  path?: string;
  /** Default: none. The browser then returns the cookie only to the host that set it. */
  domain?: string;
  /** Default true. */
  httpOnly?: boolean;
  /** Default: true if the request came over TLS. */
  secure?: boolean;
  /** Default `lax`. */
  sameSite?: 'strict' | 'lax' | 'none';
  /** In seconds. Default: none. The browser then drops the cookie when it is closed. */
  maxAge?: number;
}

/** One way to tell clients apart. `{ header }`, `{ query }` and `{ cookie }` name something that the app's clients send already. */
export type AffinityRule =
  | AffinityName
  | { by: 'address' | 'socket.io' }
  | ProxyProtocolRule
  | ForwardedRule
  | CookieRule
  | { header: string }
  | { query: string }
  | { cookie: string };

/** One rule, or a list of rules. The first rule that yields a key decides. Every list ends with `address`, even if it is not written. */
export type Affinity = AffinityRule | readonly AffinityRule[];
