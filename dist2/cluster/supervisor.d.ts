import type { RawHandle } from '../connection.js';
import { LimpetError } from '../errors.js';
import type { CheckedRouterOptions } from '../options.js';
import { type WorkerMessage } from './messages.js';
import { Occupant } from './occupant.js';
import { Respawn } from './slot.js';
/** How the supervisor tells the router; each is called with the state already changed. */
export interface SupervisorHooks {
    /** Descriptors that a new process of `slot` inherits. */
    inherit(slot: number): readonly number[];
    message(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void;
    /** The process takes nothing new any more; `gone` when it is dead. */
    left(occupant: Occupant, gone: boolean): void;
    stalled(occupant: Occupant, stalled: boolean): void;
    /** A slot's process changed its state. */
    changed(occupant: Occupant): void;
    /** Processes of the slot keep dying young; told once. */
    crashLoop(error: LimpetError): void;
    /** No process of any slot was ever ready, and all keep dying: there is no use in going on. */
    neverStarted(error: LimpetError): void;
}
/** A seat and the processes around it. */
export interface SlotRecord {
    readonly number: number;
    readonly respawn: Respawn;
    /** The process that serves the slot, or will. */
    current: Occupant | undefined;
    /** A successor that a reload has started and that does not serve yet. */
    next: {
        readonly occupant: Occupant;
        readonly settle: (error?: LimpetError) => void;
    } | undefined;
    /** Processes that finish what they have. */
    readonly leaving: Set<Occupant>;
    /** Until the next try to fill it. */
    timer: NodeJS.Timeout | undefined;
    everReady: boolean;
    /** Taken away by scaling down: nobody fills it. */
    retired: boolean;
}
/** Keeps a process in every slot: forks, replaces the dead and the outdated. */
export declare class Supervisor {
    #private;
    constructor(options: CheckedRouterOptions, rows: number, hooks: SupervisorHooks);
    get slots(): readonly Readonly<SlotRecord>[];
    /** Every living process, seated or not. */
    occupants(): Generator<Occupant>;
    /** Makes slots up to `count` and forks a process for each new one, before it returns. */
    start(count: number): void;
    /** The process serves its slot from now on, and whoever served it before drains. */
    ready(occupant: Occupant, reason: string): void;
    /** Starts a successor for the slot's process. Resolves when it serves; rejects, and nothing has changed, when it cannot. */
    replace(number: number): Promise<void>;
    /** The process leaves of its own accord (its server was closed): its slot gets a new one at once. */
    leaves(occupant: Occupant, reason: string): void;
    /** Takes the slots from `count` on away; their processes drain. */
    retire(count: number): void;
    /** Drains every process; resolves when the last is gone. */
    close(reason: string): Promise<void>;
    /** Ends every process now. */
    kill(reason: string): void;
}
