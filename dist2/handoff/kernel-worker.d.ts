import type { Entrance, RawHandle } from '../connection.js';
import type { HandoffMessage, WorkerHandoff } from './contract.js';
import type { Intake } from './intake.js';
/** Accepts from its slot's listening socket; the messages are in kernel-primary.ts. */
export declare class KernelWorker implements WorkerHandoff {
    #private;
    constructor(intake: Intake, listener: number, entrance: Entrance, send: (message: HandoffMessage) => void);
    received(message: HandoffMessage, handle?: RawHandle): void;
    stop(done: () => void): void;
}
