/**
 * The page that the primary, its acceptor and all workers count on side by side; native/shared_page.h lays it out. Anyone
 * reads it without asking; one process alone writes a cell. A dead worker's counts are as it left them.
 */
import type { HandoffBinding, SteeringTable } from './handoff-binding.js';
/** The cells of a worker's row, in their order; native/shared_page.h says what each counts. */
declare const workerCells: readonly ["accepted", "closed", "taking", "missteered", "credits", "starved", "returned"];
/** The cells of a slot's row, in their order. */
declare const slotCells: readonly ["handed", "diverted", "queued", "refused", "hungry"];
export type WorkerCounts = Record<(typeof workerCells)[number], number>;
export type SlotCounts = Record<(typeof slotCells)[number], number>;
export declare class SharedPage {
    #private;
    /** What workers inherit. */
    readonly fd: number;
    private constructor();
    /** A new page, all zeros. Throws what the system refuses. */
    static create(binding: HandoffBinding): SharedPage;
    /** The page behind a descriptor that was inherited. */
    static map(binding: HandoffBinding, fd: number): SharedPage;
    worker(row: number): WorkerCounts;
    slot(slot: number): SlotCounts;
    /** For the process that owns the row: one of the connections that it had accepted is closed. */
    countClosed(row: number): void;
    /** For the primary, when the process that owned the row is gone. */
    clearWorker(row: number): void;
    /** For the primary, before the kernel steers by it: workers check what reaches them against this table and the one before. */
    steerBy({ key, ipv6Prefix, homes }: SteeringTable): void;
    close(): void;
}
export {};
