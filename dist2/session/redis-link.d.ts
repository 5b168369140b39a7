import type { TrackingPeriod } from './near-cache.js';
import { type RedisConnection, type Words } from './redis-client.js';
export interface LinkOptions {
    /** Makes one more connection to the same server. */
    readonly connect: (override: object) => RedisConnection;
    readonly track: boolean;
    /** A key on this server that no session has and the user may write; undefined: none of the keys can be here. */
    readonly probeKey: (link: RedisLink) => string | undefined;
    readonly commandTimeoutMs: number;
    /** A whole key that changed elsewhere; undefined: all of them. */
    readonly onInvalidation: (key: string | undefined) => void;
    /** A period began; what happened before it has not been told. */
    readonly onPeriod: () => void;
    readonly onState: (link: RedisLink) => void;
}
/** What a command may do when its connection breaks before the answer: run once more, or be reported. */
export type Repeat = 'repeatable' | 'once';
/**
 * The way to one Redis server: a connection for commands and, for the near cache, a second one that receives what
 * the server invalidates. `period` stands for the trust in the near cache: it is taken away at the first doubt about
 * either connection, and a new one begins only when both are up and tracking has been seen to work.
 */
export declare class RedisLink {
    #private;
    /** The current tracking period, while there is one. */
    period: TrackingPeriod | undefined;
    /** Why there is no tracking; undefined while there is. */
    periodReason: string | undefined;
    /** Why commands can't be sent; undefined while they can. */
    downReason: string | undefined;
    constructor(options: LinkOptions);
    /**
     * Sends `commands` in one write and gives their answers. Waits for a connection that is coming back, up to
     * `endsAt` (performance.now() milliseconds), except when it has been away for longer than a command may take.
     * Rejects with ERR_LIMPET_STORE, `facts.away`, when no answer came; with Redis's own error when it refused.
     */
    exec(commands: readonly Words[], endsAt: number, repeat: Repeat): Promise<unknown[]>;
    /** Nothing is certain any more: ends the period and makes the command connection anew. */
    doubt(reason: string): void;
    close(): void;
    get closed(): boolean;
}
/** Whether the server said so, as against a connection that could not ask it. */
export declare function isServerAnswer(error: unknown): error is Error;
