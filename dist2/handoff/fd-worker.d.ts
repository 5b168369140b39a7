import type { Entrance } from '../connection.js';
import type { WorkerHandoff } from './contract.js';
import type { Intake } from './intake.js';
/** Takes what comes through the slot's channel. */
export declare class FdWorker implements WorkerHandoff {
    #private;
    constructor(intake: Intake, listener: number, entrance: Entrance);
    received(): void;
    stop(done: () => void): void;
}
