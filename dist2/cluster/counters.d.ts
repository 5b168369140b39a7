export interface SlotCounters {
    /** Connections given to the slot's processes. */
    handed: number;
    /** Of those, how many came because their home was down. */
    diverted: number;
    /** Connections closed unserved, by reason. */
    refused: Record<string, number>;
}
/** What the primary counts, for each slot, for as long as the router lives. */
export declare class Counters {
    #private;
    of(slot: number): SlotCounters;
    handed(slot: number, diverted: boolean): void;
    refused(slot: number, reason: string): void;
}
