/** `limpet/ring`: consistent hashing without a router. */
export type { Ipv6Prefix } from '../binding/typescript/client-key.js';
export { hash32 } from './hash.js';
export { Ring, type RingExplanation, type RingNode, type RingOptions } from './ring.js';
export type { Explanation } from './slot-ring.js';
