import type { SlotRing } from '../ring/slot-ring.js';
import type { Listener } from './listener.js';
import type { Occupant } from './occupant.js';
/** What seating must know of the rest. */
export interface SeatingSurroundings {
    readonly respawnGraceMs: number;
    listeners(): Iterable<Listener>;
    /** The seated process of a slot. */
    seatedIn(slot: number): Occupant | undefined;
    /** The process serves its slot from now on: whoever served it before must leave. */
    serves(occupant: Occupant): void;
}
/**
 * Who serves whom, now: the only place that seats processes at the listeners and changes the ring's owners.
 *
 * A slot whose process leaves waits for the next one; after a grace its clients go to their fallbacks, until it is back.
 */
export declare class Seating {
    #private;
    constructor(ring: SlotRing, around: SeatingSurroundings);
    /** Whether the process has opened every listener that the primary declared or that its own app asked for. */
    complete(occupant: Occupant): boolean;
    /** Gives the process its slot's clients, once the one that has them takes nothing new. */
    take(occupant: Occupant): Promise<void>;
    left(occupant: Occupant, gone: boolean): void;
    startGrace(slot: number): void;
    /** From now on the slot's clients are served by their fallbacks. */
    down(slot: number): void;
    /** From now on the slot serves its clients itself. */
    up(slot: number): void;
    /** Only what the ring must move is moved. */
    resize(slots: number): void;
    end(): void;
}
