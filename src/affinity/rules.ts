import type { ProxyProtocolRule } from '../affinity-options.js';
import type { ChainRule, ProxyHeaderPolicy } from '../binding/typescript/affinity-chain.js';
import { packTrust } from './trust.js';

/**
 * Affinity by the client that a PROXY header (version 1 or 2) tells, from trusted peers only. Yields no key where the
 * header is LOCAL or names no address.
 */
export const proxyProtocolRule: ChainRule = { kind: 'proxy-protocol' };

/**
 * What is done about PROXY headers, before and whichever rule decides. A trusted peer that comes without one, or with
 * a malformed one, is closed and counted; a peer that is not trusted is never asked for one.
 * @param keep the worker reads version 2 headers itself (uWebSockets.js): it stays in the stream.
 */
export function proxyHeaderPolicy(rule: Required<ProxyProtocolRule>, keep: boolean): ProxyHeaderPolicy {
  return {
    use: keep ? 'kept' : 'consumed',
    optional: rule.optional,
    trust: packTrust(rule.trust),
  };
}

export const noProxyHeader: ProxyHeaderPolicy = { use: 'ignored', optional: true, trust: new Uint8Array() };
