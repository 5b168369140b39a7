import type { ListenAddress } from '../connection.js';
import type { HandoffName, PrimaryHandoff } from '../handoff/contract.js';
import { type ExchangeCounts } from '../handoff/exchange.js';
import type { CheckedRouterOptions } from '../options.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { Counters } from './counters.js';
/** A handoff that may serve a listener; whether it can is known when it opens. */
export interface Candidate {
    readonly name: HandoffName;
    readonly handoff: PrimaryHandoff;
}
/** The handoffs that a router can have here, and what its native ones share. */
export declare class Handoffs {
    #private;
    /** Why there is nothing but `ipc`. */
    readonly onlyIpc: string;
    /** Throws ERR_LIMPET_HANDOFF_UNSUPPORTED when the one that the options ask for needs what is not here. */
    constructor(options: CheckedRouterOptions, ring: SlotRing, counters: Counters);
    /** In the order in which they are to be tried: the one asked for, or all that there are. */
    candidates(listener: number, address: ListenAddress): Generator<Candidate>;
    /** The descriptors that a process of the slot inherits. */
    inherit(slot: number): readonly number[];
    /** What the page says of a slot; undefined where there is none. */
    counts(slot: number): ExchangeCounts | undefined;
    /** When every listener is closed and every process gone. */
    stop(): void;
}
