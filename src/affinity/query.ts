import type { ChainRule } from '../binding/typescript/affinity-chain.js';

/**
 * Affinity by the decoded value of a query parameter. Yields no key when it is absent, empty, there more than once, or
 * longer than 1,024 bytes with something to decode in it.
 */
export function queryRule(name: string): ChainRule {
  return { kind: 'query', name };
}
