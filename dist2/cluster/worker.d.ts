import { EventEmitter } from 'node:events';
import type { Served } from '../adapter/contract.js';
import type { ListenAddress } from '../connection.js';
export interface WorkerEvents {
    /** The process leaves: it takes nothing new. `deadline` is when what is still open will be closed, in ms since the epoch. */
    drain: [deadline: number, reason: string];
}
/** This process in its slot. In a process that limpet did not fork, `slot` is undefined and nothing ever happens. */
export declare class LimpetWorker extends EventEmitter<WorkerEvents> {
    #private;
    /** The slot of this process, 0 to N-1; a replacement has the same. */
    readonly slot: number | undefined;
    /** Resolves when this process is given its slot's clients. */
    readonly ready: Promise<void>;
    constructor();
    /** Makes the app's server serve this slot's share of the address. Throws ERR_LIMPET_ROLE in a worker that limpet did not fork. */
    listen(served: Served, address: ListenAddress): void;
    /** Takes nothing new, finishes what is open, closes the rest after `timeoutMs`, then exits with code 0. */
    leave(reason: string, timeoutMs: number): void;
}
export declare const worker: LimpetWorker;
