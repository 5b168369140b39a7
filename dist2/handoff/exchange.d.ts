import type { Acceptor, HandoffBinding } from '../binding/handoff-binding.js';
import { SharedPage } from '../binding/shared-page.js';
import type { ListenAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { Seat } from './contract.js';
/** What was counted for a slot since the router began, processes that are gone included. */
export interface ExchangeCounts {
    /** Connections that its processes have had. */
    accepted: number;
    /** Connections that are open in them now. */
    open: number;
    /** Connections that the primary passed to the slot. */
    handed: number;
    /** Of those, at home in another slot. */
    diverted: number;
    /** Connections that wait in the primary for the slot. */
    queued: number;
    /** Connections closed unserved. */
    refused: number;
    /** Connections that the kernel placed here, although the ring would have chosen another slot. */
    missteered: number;
    /** Connections that were open, or in doubt, in a process when it died. */
    lost: number;
    /** Times that a process, short of descriptors, let connections wait. */
    starved: number;
}
/** One listener of the exchange. */
export interface ExchangeListener {
    /** The router's number of it, 0 to 254. */
    readonly listener: number;
    readonly address: ListenAddress;
}
/**
 * What all `kernel` and `fd` listeners of a router share: the acceptor thread, a channel to each slot, and the page.
 * A process of a slot inherits both descriptors of {@link inherit}.
 */
export declare class Exchange {
    #private;
    readonly binding: HandoffBinding;
    readonly page: SharedPage;
    readonly acceptor: Acceptor;
    /** Throws the system's error when page or thread cannot be had. */
    constructor(binding: HandoffBinding, ring: SlotRing, queueMax: number);
    /** The descriptors that a process of the slot inherits: its channel's end, then the page. They stay the exchange's. */
    inherit(slot: number): readonly [channel: number, page: number];
    /** Tells acceptor and page the ring. */
    retable(ring: SlotRing): void;
    /** The process takes the listener's connections that come through the channel. */
    seat(seat: Seat, listener: number): void;
    /** It does no longer. False when it did not, since another had followed it. */
    unseat(seat: Seat, listener: number, gone: boolean): boolean;
    counts(slot: number): ExchangeCounts;
    /**
     * Accepts what waits in the kernel for the listener, closes its sockets, and resolves when all was taken by workers, or after
     * `timeoutMs`, with the number of connections that were then closed unserved.
     */
    close(listener: number, timeoutMs: number): Promise<number>;
    /** Ends the thread and closes channels and page. Nothing may be called afterwards. */
    stop(): void;
}
/** Whether two tables of the ring are the same. */
export declare function sameTable(a: Uint16Array, b: Uint16Array): boolean;
