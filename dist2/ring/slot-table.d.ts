/** How many slots of one weight, or each slot's weight: a number from 0.000001 to 1,000,000. */
export type Slots = number | readonly number[];
/** The tables behind a {@link SlotRing}, which finds a client's bucket; its description says what they hold to. */
export declare class SlotTable {
    #private;
    readonly buckets: number;
    protected readonly owners: Uint16Array;
    protected homes: Uint16Array;
    /** @throws LimpetError ERR_LIMPET_RING when these make no ring. */
    constructor(slots: Slots, buckets: number, slotsMax: number);
    /** How many slots there are, up or down. */
    get size(): number;
    /** How many slots are up. */
    get live(): number;
    /** Takes a slot out of service: others serve its buckets. */
    down(slot: number): void;
    /** Puts a slot back into service: it serves its buckets again, and those of slots down that are nearest to it. */
    up(slot: number): void;
    isDown(slot: number): boolean;
    /** A copy of the home of every bucket. */
    homeTable(): Uint16Array;
    /** A copy of who serves every bucket; 65,535 when no slot is up. */
    ownerTable(): Uint16Array;
    /** Who serves this bucket when its home does not; -1 when no other slot is up. */
    fallbackOf(bucket: number): number;
    /** The slots that are up, in the order in which they would serve this bucket: who does now comes first. */
    rank(bucket: number): number[];
    /** The part of all buckets that each slot is home to, 0 to 1. */
    shares(): number[];
    /**
     * Changes how many slots there are or what they weigh. The ring is then what a new one of these slots would be,
     * whatever came before. With more or fewer slots only what must move does; a change of weights may move up to about
     * twice the least. A slot that was down and is still there stays down.
     */
    resize(slots: Slots): void;
    /**
     * Gives a new slot the first empty seat, or a new one, and returns its number. Only the new slot gains.
     * @throws LimpetError ERR_LIMPET_RING for a weight that is none, or one slot too many.
     */
    join(weight: number): number;
    /**
     * Empties a slot's seat: only its buckets move, and the other slots keep their numbers. The last slot to join undoes
     * its joining exactly, if none has left before.
     * @throws LimpetError ERR_LIMPET_RING when there is no such slot, or no other.
     */
    leave(slot: number): void;
}
