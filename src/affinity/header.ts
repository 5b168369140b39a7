import type { ChainRule } from '../binding/typescript/affinity-chain.js';

/** Affinity by the value of a request header. Yields no key when it is absent, empty, or there more than once. */
export function headerRule(name: string): ChainRule {
  return { kind: 'header', name: name.toLowerCase() };
}
