import type { BoundAddress } from '../connection.js';
import type { CheckedRouterOptions } from '../options.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { Counters } from './counters.js';
import type { Handoffs } from './handoffs.js';
import type { HandoffChoice, Listener } from './listener.js';
import type { Restart, SlotState } from './slot.js';
import type { SlotRecord } from './supervisor.js';
export interface ProcessStatus {
    readonly pid: number | undefined;
    readonly state: SlotState;
    readonly reason: string;
    /** When the state began, ms since the epoch. */
    readonly since: number;
    readonly uptimeMs: number;
    readonly stalled: boolean;
    /** Connections open in the process, as it last said. */
    readonly open: number;
    readonly lagMs: number;
    readonly rssBytes: number;
}
export interface SlotStatus extends ProcessStatus {
    readonly slot: number;
    /** Whether the slot's clients are served by fallbacks now. */
    readonly down: boolean;
    /** Processes that still finish what they had when a newer one took the slot. */
    readonly leaving: readonly ProcessStatus[];
    readonly restarts: number;
    readonly lastRestarts: readonly Restart[];
    /** Of all buckets, the part whose home this slot is. */
    readonly share: number;
    /** Of all connections handed so far, the part that came here. */
    readonly realShare: number;
    readonly handed: number;
    readonly diverted: number;
    /** Connections that the kernel placed here and the ring would have not: a stranger shares the address. */
    readonly missteered: number;
    /** Connections that were open in the slot's processes when they died. */
    readonly lost: number;
    readonly queued: number;
    readonly refused: Readonly<Record<string, number>>;
}
export interface ListenerStatus {
    readonly address: BoundAddress | undefined;
    readonly handoff: HandoffChoice;
}
export interface RouterStatus {
    readonly pid: number;
    readonly state: 'starting' | 'serving' | 'closing' | 'closed';
    readonly uptimeMs: number;
    readonly affinity: string;
    /** The first listener's. */
    readonly handoff: HandoffChoice | undefined;
    /** Where hash and ring are computed: the native addon or its TypeScript twin, and why. */
    readonly binding: {
        readonly kind: string;
        readonly reason: string;
    };
    readonly ring: {
        readonly buckets: number;
        readonly slots: number;
    };
    readonly listeners: readonly ListenerStatus[];
    readonly slots: readonly SlotStatus[];
}
interface RouterParts {
    readonly state: RouterStatus['state'];
    readonly startedAt: number;
    readonly options: CheckedRouterOptions;
    readonly ring: SlotRing;
    readonly counters: Counters;
    readonly handoffs: Handoffs;
    readonly listeners: readonly Listener[];
    readonly slots: readonly SlotRecord[];
}
/** What the router is and does, from what the primary knows: no worker is asked. */
export declare function statusOf(parts: RouterParts): RouterStatus;
export {};
