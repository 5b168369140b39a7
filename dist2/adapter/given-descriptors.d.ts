import type { HandoffBinding } from '../binding/handoff-binding.js';
import type { BoundAddress } from '../connection.js';
/**
 * Counts the connections whose descriptors were given to somebody who does not tell when he closes them. A number that is in use
 * again for something else is told apart by its local address: only what was accepted from the listener has the listener's.
 */
export declare class GivenDescriptors {
    #private;
    /** `closed` is called for each connection, once it is found to be closed. */
    constructor(binding: HandoffBinding, bound: BoundAddress, closed: () => void);
    add(fd: number): void;
    /** How many are open. Beyond a thousand it may lag behind, by as many calls as there are thousands. */
    count(): number;
}
