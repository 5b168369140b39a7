/** The affinity rules, in the form that the chain takes. Each one says when it yields a key; without a key, the next rule decides. */
import type { ForwardedRule, ProxyProtocolRule, Trust } from '../affinity-options.js';
import type { ChainRule, ProxyHeaderPolicy } from '../binding/typescript/affinity-chain.js';
import { packTrust } from './trust.js';

/**
 * Key: the peer's address, or the address in the PROXY header that came before. Every chain ends with this rule: it always
 * yields a key and needs no byte of the stream.
 */
export const addressRule: ChainRule = { kind: 'address' };

/**
 * Key: the client's address in a PROXY header (version 1 or 2) of a trusted peer. The rule yields no key if the header is LOCAL
 * or names no address.
 */
export const proxyProtocolRule: ChainRule = { kind: 'proxy-protocol' };

/**
 * The policy for PROXY headers. They are read before any rule is applied. A connection of a trusted peer that sends no header, or a
 * malformed one, is closed and counted. A peer that is not trusted needs no header.
 * @param keep the worker reads version 2 headers itself (uWebSockets.js): the header stays in the stream. The worker would believe
 *   every peer, so a connection with such a header from a peer that is not trusted is closed and counted.
 */
export function proxyHeaderPolicy(rule: Required<ProxyProtocolRule>, keep: boolean): ProxyHeaderPolicy {
  return {
    use: keep ? 'kept' : 'consumed',
    optional: rule.optional,
    trust: packTrust(rule.trust),
  };
}

/** The policy without the rule `proxy-protocol`: no PROXY header is read. */
export const noProxyHeader: ProxyHeaderPolicy = { use: 'ignored', optional: true, trust: new Uint8Array() };

/**
 * Key: the right-most address in X-Forwarded-For or Forwarded that is not trusted, as proxy-addr (and so Express) finds it. The
 * rule yields no key if the peer is not trusted.
 */
export function forwardedRule(rule: ForwardedRule, trust: Trust): ChainRule {
  return { kind: 'forwarded', trust: packTrust(rule.trust ?? trust), header: rule.header ?? 'either' };
}

/** Slot: the one in limpet's own cookie. A forged or expired cookie, or one of another machine, yields none. */
export const affinityCookieRule: ChainRule = { kind: 'affinity-cookie' };

/** Slot: the one in the Engine.IO `sid`. A request without a sid, or with a sid that no worker of limpet made, yields none. */
export const socketIoRule: ChainRule = { kind: 'sid' };

/** Key: the value of a cookie that the app sets. An absent or empty cookie yields none. */
export function namedCookieRule(name: string): ChainRule {
  return { kind: 'cookie', name };
}

/** Key: the value of a request header. A header that is absent, empty or repeated yields none. */
export function headerRule(name: string): ChainRule {
  return { kind: 'header', name: name.toLowerCase() };
}

/**
 * Key: the decoded value of a query parameter. A parameter that is absent, empty or repeated yields none, and neither does a value
 * that must be decoded and is longer than 1,024 bytes.
 */
export function queryRule(name: string): ChainRule {
  return { kind: 'query', name };
}
