/** The arguments and results of the reader of request heads. The addon and the TypeScript implementation use the same types. */

/** Prefixes of 17 bytes each: the 16 bytes of the network (IPv4 as ::ffff:a.b.c.d), then the number of bits that count, 0 to 128. */
export type PackedPrefixes = Uint8Array;

export type ForwardedHeader = 'either' | 'x-forwarded-for' | 'forwarded';

export type ChainRule =
  | { readonly kind: 'address' | 'proxy-protocol' | 'affinity-cookie' | 'sid' }
  | { readonly kind: 'forwarded'; readonly trust: PackedPrefixes; readonly header: ForwardedHeader }
  /** If `kind` is `header`, `name` is in lower case. */
  | { readonly kind: 'cookie' | 'header' | 'query'; readonly name: string };

export interface ProxyHeaderPolicy {
  /** `kept`: a version 2 header stays in the stream, because the worker reads it itself. A version 1 header is refused. */
  readonly use: 'ignored' | 'consumed' | 'kept';
  /** Whether a trusted peer may connect without a header. */
  readonly optional: boolean;
  readonly trust: PackedPrefixes;
}

/** A cookie is limpet's own if it has this name, this node, and a valid tag under this key. */
export interface CookieSeal {
  readonly name: string;
  /** The name of this machine in the cookie: letters, digits, `-` and `_`. */
  readonly node: string;
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** How many hours after its hour of issue the cookie is valid. */
  readonly hoursMax: number;
}

/** The rules of one listener. The last rule is `address`, which always yields a key. */
export interface AffinityChain {
  readonly rules: readonly ChainRule[];
  readonly proxyHeader: ProxyHeaderPolicy;
  readonly cookie: CookieSeal;
  /** 16 bytes. */
  readonly sidKey: Uint8Array;
  readonly headBytesMax: number;
}

/** Why a connection is closed before a worker has it. The counters have the same names. */
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
 * `rule` is the index of the rule that decided. `consume` is the number of bytes to take off the stream before the worker gets it. An
 * `address` has 16 bytes. A `text` is the client key. A `slot` comes from the client's cookie or sid, whose tag is valid.
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
      /** The generation of the slot's worker; only from a sid. */
      readonly generation?: number;
    };

/** The far end of a connection. */
export interface Endpoint {
  /** 16 bytes; `::` for the peer of a unix socket. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** The state of reading one connection. */
export interface HeadReading {
  /**
   * Applies the rules in order until one yields a key. While the head is incomplete, each byte is read once. The decision depends only on
   * the stream, not on the portions in which it arrives. After a `slot` that is down, call again: the next rule decides.
   * @param stream all bytes that have arrived; never fewer than at the call before.
   * @param ended no more bytes will come. An incomplete head then yields no key.
   * @param hourNow hours since 1970.
   */
  decide(stream: Uint8Array, ended: boolean, hourNow: number): Decision;
  /** The client in the PROXY header. Undefined if there was no header, or if it has not been read yet. */
  proxied(): Endpoint | undefined;
}
