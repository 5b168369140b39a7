import type { BoundAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { HandoffMessage, PrimaryHandoff, Seat } from './contract.js';
import { type Exchange, type ExchangeListener } from './exchange.js';
export declare class KernelPrimary implements PrimaryHandoff {
    #private;
    readonly name = "kernel";
    constructor(ring: SlotRing, exchange: Exchange, { listener, address }: ExchangeListener);
    open(): Promise<BoundAddress>;
    seat(seat: Seat): void;
    unseat(seat: Seat, gone: boolean): void;
    /** Throws ERR_LIMPET_NATIVE when the kernel cannot be given the new ring; it then steers by the old one. */
    retable(ring: SlotRing): void;
    received(seat: Seat, message: HandoffMessage): void;
    queued(slot: number): number;
    close(timeoutMs: number): Promise<number>;
}
