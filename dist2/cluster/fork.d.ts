import { type Worker } from 'node:cluster';
import type { CheckedRouterOptions } from '../options.js';
/** What a worker learns from its environment; read and removed by `cluster/worker.ts`. */
export interface SeatPass {
    readonly row: number;
    readonly drainTimeoutMs: number;
    readonly beatMs: number;
    readonly signals: boolean;
    /** How many descriptors, from which number on, the process inherited for its handoffs. */
    readonly inherited: {
        readonly from: number;
        readonly count: number;
    };
}
export declare const seatPassVariable = "LIMPET_SEAT";
/**
 * Forks through Node's cluster, so that whatever knows `cluster` knows our workers. `inherit` are descriptors that the worker
 * gets after its standard ones; they stay open here. The app's own cluster settings are put back. Throws what fork throws.
 */
export declare function forkWorker(options: CheckedRouterOptions, slot: number, row: number, inherit: readonly number[]): Worker;
