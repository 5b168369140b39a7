export { hash32 } from './hash.js';
export { Ring } from './ring.js';
