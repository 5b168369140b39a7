/** What the part that reads heads is told, and what it answers: one vocabulary for the addon and its twin. */

/** Prefixes of 17 bytes each: the network's 16 (IPv4 as ::ffff:a.b.c.d), then how many bits of it count, 0 to 128. */
export type PackedPrefixes = Uint8Array;

export type ForwardedHeader = 'either' | 'x-forwarded-for' | 'forwarded';

export type ChainRule =
  | { readonly kind: 'address' | 'proxy-protocol' | 'affinity-cookie' | 'sid' }
  | { readonly kind: 'forwarded'; readonly trust: PackedPrefixes; readonly header: ForwardedHeader }
  /** `name` is in lower case where `kind` is `header`. */
  | { readonly kind: 'cookie' | 'header' | 'query'; readonly name: string };

export interface ProxyHeaderPolicy {
  /** `kept`: a version 2 header stays in the stream for a worker that reads it itself, and version 1 is refused. */
  readonly use: 'ignored' | 'consumed' | 'kept';
  /** A trusted peer may also come without a header. */
  readonly optional: boolean;
  readonly trust: PackedPrefixes;
}

/** How limpet's own cookies are told from all others. */
export interface CookieSeal {
  readonly name: string;
  /** This machine, as the cookie names it: letters, digits, `-` and `_`. */
  readonly node: string;
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** Hours after the hour of issue in which the cookie still counts. */
  readonly hoursMax: number;
}

/** The rules of one listener. They end with `address`, which always yields a key. */
export interface AffinityChain {
  readonly rules: readonly ChainRule[];
  readonly proxyHeader: ProxyHeaderPolicy;
  readonly cookie: CookieSeal;
  /** 16 bytes. */
  readonly sidKey: Uint8Array;
  readonly headBytesMax: number;
}

/** Why a connection is closed before any worker has it; the counters' names. */
export type Refusal =
  | 'none'
  | 'head-too-large'
  | 'head-timeout'
  | 'silent'
  | 'too-many-pending'
  | 'too-many-pending-from-address'
  | 'proxy-header-missing'
  | 'proxy-header-malformed'
  | 'proxy-header-untrusted';

/**
 * `rule` is the index of the rule that decided; `consume` how many bytes to take off the stream before the worker
 * gets it. An `address` has 16 bytes; `text` is the client key's bytes; a `slot` was brought by the client, sealed.
 */
export type Decision =
  | { readonly outcome: 'need-more' }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | {
      readonly outcome: 'address';
      readonly rule: number;
      readonly consume: number;
      readonly address: Uint8Array;
    }
  | { readonly outcome: 'text'; readonly rule: number; readonly consume: number; readonly text: Uint8Array }
  | {
      readonly outcome: 'slot';
      readonly rule: number;
      readonly consume: number;
      readonly slot: number;
      /** Only from a sid. */
      readonly generation?: number;
    };

/** The far end of a connection. */
export interface Endpoint {
  /** 16 bytes; `::` for the peer of a unix socket. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** What has been learned of one connection so far. */
export interface HeadReading {
  /**
   * Takes the first rule that yields a key; each byte is looked at once while the head is incomplete, and for one
   * stream the decision is the same however it arrives. After a `slot` that cannot be served, a further call goes
   * on with the next rule.
   * @param stream all that has arrived; never less than at the call before.
   * @param ended nothing more will come: what is incomplete is read as no key.
   * @param hourNow hours since 1970.
   */
  decide(stream: Uint8Array, ended: boolean, hourNow: number): Decision;
  /** The real client, where a PROXY header told it; undefined before, and without one. */
  proxied(): Endpoint | undefined;
}
