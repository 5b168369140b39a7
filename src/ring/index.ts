/** `limpet/ring`: consistent hashing on its own, for whatever must find the same place again. */
export type { Ipv6Prefix } from '../binding/typescript/client-key.js';
export { hash32 } from './hash.js';
export { Ring, type RingExplanation, type RingNode, type RingOptions } from './ring.js';
export type { Explanation } from './slot-ring.js';
