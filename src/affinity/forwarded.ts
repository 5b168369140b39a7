import type { ForwardedRule, Trust } from '../affinity-options.js';
import type { ChainRule } from '../binding/typescript/affinity-chain.js';
import { packTrust } from './trust.js';

/**
 * Affinity by the client that trusted proxies tell in X-Forwarded-For or Forwarded: the right-most address that is
 * not trusted, as proxy-addr (and so Express) finds it. Yields no key when the peer is not trusted.
 */
export function forwardedRule(rule: ForwardedRule, trust: Trust): ChainRule {
  return { kind: 'forwarded', trust: packTrust(rule.trust ?? trust), header: rule.header ?? 'either' };
}
