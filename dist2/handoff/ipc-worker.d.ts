import type { Entrance, RawHandle } from '../connection.js';
import type { HandoffMessage, WorkerHandoff } from './contract.js';
/** The worker half of ipc; the protocol is told in `ipc-primary.ts`. */
export declare class IpcWorker implements WorkerHandoff {
    #private;
    /** After `stallTimeoutMs` (0: never) the primary passes on what was not taken: from half of that on, the worker asks before use. */
    constructor(entrance: Entrance, send: (message: HandoffMessage) => void, stallTimeoutMs: number);
    received(message: HandoffMessage, handle?: RawHandle): void;
    stop(done: () => void): void;
}
