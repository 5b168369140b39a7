import type { ChainRule } from '../binding/twin/affinity-chain.js';
/** Affinity by the value of a request header. Yields no key when it is absent, empty, or there more than once. */
export declare function headerRule(name: string): ChainRule;
