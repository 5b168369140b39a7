import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import type { HandoffMessage, HandoffName, PrimaryHandoff } from '../handoff/contract.js';
import type { Handoffs } from './handoffs.js';
import type { ServerTraits } from './messages.js';
import type { Occupant } from './occupant.js';
/** Which handoff serves a listener, and why that one. */
export interface HandoffChoice {
    readonly name: HandoffName;
    readonly reason: string;
}
/** One listening address of the router: its handoff, and the processes that are seated for it. */
export declare class Listener {
    #private;
    readonly id: number;
    readonly key: string;
    readonly address: ListenAddress;
    readonly traits: ServerTraits;
    handoff: PrimaryHandoff;
    choice: HandoffChoice;
    bound: BoundAddress | undefined;
    /** Whether the primary itself asked for it: then every process must open it before it is ready. */
    declared: boolean;
    /** Settles once: with the address that was bound, or with the LimpetError that says why not. */
    readonly opened: Promise<BoundAddress>;
    constructor(id: number, key: string, address: ListenAddress, traits: ServerTraits, handoffs: Handoffs);
    seat(occupant: Occupant): void;
    unseat(occupant: Occupant, gone: boolean): void;
    received(occupant: Occupant, message: HandoffMessage, handle?: RawHandle): void;
}
