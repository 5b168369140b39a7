/** Rolling work on slots: so many at a time, one round after another, the first failure ends the round. */
export declare class Rounds {
    #private;
    /** Runs `work` for each slot, `parallel` at a time, after every round asked for earlier. Rejects with the first failure. */
    run(slots: () => readonly number[], parallel: number, work: (slot: number) => Promise<void>): Promise<void>;
}
