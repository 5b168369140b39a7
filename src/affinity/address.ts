import type { ChainRule } from '../binding/typescript/affinity-chain.js';

/**
 * Affinity by the address at the other end of the connection, or by the one that a PROXY header told. The end of
 * every chain: it always yields a key, and needs not a byte of the stream.
 */
export const addressRule: ChainRule = { kind: 'address' };
