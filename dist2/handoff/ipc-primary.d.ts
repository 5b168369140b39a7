import type { BoundAddress, ListenAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { HandoffMessage, PrimaryHandoff, Seat } from './contract.js';
export interface IpcSettings {
    readonly address: ListenAddress;
    readonly queueMax: number;
    /** A connection could not be served and was closed. */
    readonly refused: (slot: number, reason: string) => void;
    readonly handed: (slot: number, diverted: boolean) => void;
}
export declare class IpcPrimary implements PrimaryHandoff {
    #private;
    readonly name = "ipc";
    constructor(ring: SlotRing, settings: IpcSettings);
    open(): Promise<BoundAddress>;
    seat(seat: Seat): void;
    unseat(seat: Seat, gone: boolean): void;
    retable(ring: SlotRing): void;
    received(seat: Seat, message: HandoffMessage): void;
    queued(slot: number): number;
    close(timeoutMs: number): Promise<number>;
}
