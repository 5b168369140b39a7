import type { BoundAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { PrimaryHandoff, Seat } from './contract.js';
import type { Exchange, ExchangeListener } from './exchange.js';
/**
 * The acceptor thread accepts, and passes each connection's descriptor through the channel of the slot that serves it. No
 * JavaScript runs in the primary for a connection.
 */
export declare class FdPrimary implements PrimaryHandoff {
    #private;
    readonly name = "fd";
    constructor(exchange: Exchange, { listener, address }: ExchangeListener);
    open(): Promise<BoundAddress>;
    seat(seat: Seat): void;
    unseat(seat: Seat, gone: boolean): void;
    retable(ring: SlotRing): void;
    received(): void;
    queued(slot: number): number;
    close(timeoutMs: number): Promise<number>;
}
