import type { ChainRule } from '../binding/twin/affinity-chain.js';
/** Yields no key for a request without a sid that a worker of ours made: a handshake, or a forgery. */
export declare const socketIoRule: ChainRule;
/**
 * Makes session ids for the process with this `slot` and `incarnation` (both 0 to 255): 20 characters of the
 * alphabet that Engine.IO's own ids have, 64 bits of them at random.
 * @param key 16 bytes, the same in every worker and in the primary.
 */
export declare function sidMaker(key: Uint8Array, slot: number, incarnation: number): () => string;
