import { type HandoffBinding } from '../binding/handoff-binding.js';
import type { Entrance } from '../connection.js';
export interface IntakeSettings {
    readonly slot: number;
    readonly row: number;
    /** The two inherited descriptors, as {@link Exchange.inherit} names them. */
    readonly channel: number;
    readonly page: number;
}
/** What all `kernel` and `fd` listeners of a worker process share: its inbox, and its row of the page. */
export declare class Intake {
    #private;
    /** Make it first thing in the process: the inherited descriptors are close-on-exec from here on. */
    constructor(binding: HandoffBinding, { slot, row, channel, page }: IntakeSettings);
    /** From now on the listener's connections reach `entrance`. */
    open(listener: number, entrance: Entrance): void;
    /** Accepts from a duplicate of the listening socket, too. */
    accept(listener: number, fd: number): void;
    /** With `drain`, what waits in the kernel's queue comes first. */
    stopAccepting(listener: number, drain?: boolean): void;
    /** Takes nothing new for the listener; what is still in the channel goes back to the primary. */
    close(listener: number): void;
    /** A connection that an entrance was given is closed. */
    countClosed(): void;
}
