import { EventEmitter } from 'node:events';
import type { BoundAddress, ListenAddress } from '../connection.js';
import { LimpetError } from '../errors.js';
import { type CheckedRouterOptions, type RouterOptions } from '../options.js';
import { type AddressExplanation } from '../ring/slot-ring.js';
import type { ServerTraits } from './messages.js';
import { type RouterStatus } from './status.js';
export interface RouterEvents {
    /** A listener is bound. */
    listening: [address: BoundAddress];
    /** A slot's process is given its clients. */
    ready: [slot: number, pid: number | undefined];
    /** A slot's process leaves: it takes nothing new and finishes what it has. */
    draining: [slot: number, pid: number | undefined, reason: string];
    /** A slot's process ended, whatever the reason. */
    gone: [slot: number, pid: number | undefined, reason: string];
    /** A slot's process gives no sign of life: fallbacks serve its clients. False when it is back. */
    stalled: [slot: number, pid: number | undefined, stalled: boolean];
    /** The router cannot go on, or something needs a person (a crash loop). Never emitted without a listener. */
    error: [error: LimpetError];
    closed: [];
}
/**
 * The primary's whole. Connections flow from a listener's handoff to the processes that the supervisor keeps in the slots; the
 * ring says to which, and seating alone changes what it says.
 */
export declare class Router extends EventEmitter<RouterEvents> {
    #private;
    readonly options: CheckedRouterOptions;
    /** Checks everything that can be checked before a process is forked. Throws ERR_LIMPET_OPTION, _ROLE or _WORKER_START. */
    constructor(options?: RouterOptions);
    /**
     * Forks the workers (before it returns) and resolves when the first serves. Rejects with ERR_LIMPET_WORKER_START when none
     * can be brought up; the router is then closed and no process is left.
     */
    start(): Promise<void>;
    /** Binds an address now, before any worker asks for it. Rejects with ERR_LIMPET_ADDRESS_*; then nothing is bound. */
    listen(address: ListenAddress, traits?: ServerTraits): Promise<BoundAddress>;
    /** Where the listeners are bound, in the order in which they were asked for. */
    addresses(): BoundAddress[];
    /** Which slot serves a client address, and why. Throws ERR_LIMPET_ADDRESS. */
    explain(address: string): AddressExplanation;
    status(): RouterStatus;
    /**
     * Replaces every worker by a new process, `parallel` slots at a time, each new one ready before the old one drains: no
     * connection is refused, no client is moved. Resolves when all slots are served by new processes (old ones may still finish
     * what they have). Rejects with ERR_LIMPET_WORKER_START when a new process does not become ready: the old one then serves
     * on, and slots not yet reloaded stay as they are. A reload during another waits for it.
     */
    reload({ parallel }?: {
        parallel?: number;
    }): Promise<void>;
    /**
     * Changes the number of slots; only what the ring must move moves. Up: resolves when the new slots serve their share, or
     * rejects with ERR_LIMPET_WORKER_START and the number is as before. Down: the processes of the slots taken away drain.
     */
    scale(workers: number): Promise<void>;
    /**
     * Takes what waits in the kernel's queues, lets the workers finish, closes what is left after drainTimeoutMs, ends them.
     * Resolves when no process is left, with the number of connections that were closed unserved.
     */
    close(reason?: string): Promise<{
        left: number;
    }>;
    /** Ends every worker at once; nothing is finished. */
    kill(reason?: string): void;
}
