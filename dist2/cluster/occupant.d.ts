import type { Worker } from 'node:cluster';
import type { RawHandle } from '../connection.js';
import type { Seat } from '../handoff/contract.js';
import { type PrimaryMessage } from './messages.js';
import { Lifecycle } from './slot.js';
/** What a worker last said of itself. */
export interface Vitals {
    readonly open: number;
    readonly lagMs: number;
    readonly rssBytes: number;
}
/** A worker process in its slot, as the primary sees it. During a reload a slot has several. */
export declare class Occupant {
    #private;
    readonly slot: number;
    readonly row: number;
    readonly worker: Worker;
    readonly life: Lifecycle;
    /** Listeners that the app in the process asked for, by key. */
    readonly asked: Set<string>;
    /** Listeners whose servers the process has opened. */
    readonly opened: Set<number>;
    /** True between being given its slot's clients and leaving them. */
    seated: boolean;
    stalled: boolean;
    /** When it last gave a sign of life, ms since the epoch; infinity while a debugger may hold it. */
    heardAt: number;
    vitals: Vitals | undefined;
    /** Why the primary ended it, if it did. */
    endedFor: string | undefined;
    constructor(slot: number, row: number, worker: Worker);
    get pid(): number | undefined;
    send(message: PrimaryMessage, handle?: RawHandle): boolean;
    /** Its face towards the handoff of one listener. */
    seatFor(listener: number): Seat;
    /** Asks it to take nothing new; resolves when it says so, when it is gone, or after `patienceMs`. */
    stopIntake(patienceMs: number): Promise<void>;
    /** It said that it takes nothing new. */
    stopped(): void;
    kill(reason: string): void;
    /** Kills it unless it is gone by then. */
    killAfter(ms: number): void;
}
