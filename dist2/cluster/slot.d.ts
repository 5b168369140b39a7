/**
 * The life of a process in a slot, and of the slot itself. Pure: no processes, no timers, no sockets.
 *
 *     starting ──► ready ──► draining ──► gone
 *        │           └──────────────────────▲
 *        └──────────────────────────────────┘   (also starting ──► draining, when the router closes)
 */
export type SlotState = 'starting' | 'ready' | 'draining' | 'gone';
export declare class Lifecycle {
    state: SlotState;
    reason: string;
    since: number;
    readonly startedAt: number;
    constructor(now: number);
    /** True when the state changed; false, and nothing happens, when `to` cannot follow the present state. */
    move(to: SlotState, reason: string, now: number): boolean;
}
export interface Restart {
    readonly at: number;
    readonly pid: number | undefined;
    readonly reason: string;
}
/** When the next process may be tried: at once, then 100 ms doubling to 10 s while processes keep dying within a minute. */
export declare class Respawn {
    #private;
    /** The last {@link restartsKept} deaths, oldest first. */
    readonly restarts: Restart[];
    count: number;
    /** Notes a death that was not asked for. */
    died(life: {
        startedAt: number;
        pid: number | undefined;
        reason: string;
    }, now: number): {
        delayMs: number;
        crashLoop: boolean;
    };
    get shortLives(): number;
    /** A reload starts with a clean slate. */
    forgive(): void;
}
