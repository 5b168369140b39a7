import type { RedisClient, Words } from './redis-client.js';
import { type LinkOptions, RedisLink, type Repeat } from './redis-link.js';
/** What the links of one store have in common. */
export type LinkSettings = Omit<LinkOptions, 'connect'>;
/** Which server a key's commands go to. */
export interface RedisRoute {
    readonly kind: 'single' | 'sentinel' | 'cluster';
    /** The link to the server that owns `key`, as far as is known. */
    link(key: string): RedisLink | undefined;
    /**
     * Runs commands on one key. `link` is what `link(key)` gave; `tracked` tells that the answers came through it.
     * Rejects with ERR_LIMPET_STORE or with Redis's own error.
     */
    exec(request: Request): Promise<{
        answers: unknown[];
        tracked: boolean;
    }>;
    /** A way to ask each server that holds keys; every question is bounded like any command. */
    servers(): Promise<Ask[]>;
    links(): Iterable<RedisLink>;
    close(): void;
}
export type Ask = (commands: readonly Words[]) => Promise<unknown[]>;
export interface Request {
    readonly key: string;
    readonly link: RedisLink | undefined;
    readonly commands: readonly Words[];
    /** performance.now() milliseconds. */
    readonly endsAt: number;
    readonly repeat: Repeat;
}
/** One server; behind Sentinel, whichever is the master now. */
export declare class SingleRoute implements RedisRoute {
    #private;
    readonly kind: 'single' | 'sentinel';
    constructor(client: RedisClient, settings: LinkSettings);
    link(): RedisLink;
    exec({ commands, endsAt, repeat }: Request): Promise<{
        answers: unknown[];
        tracked: boolean;
    }>;
    servers(): Promise<Ask[]>;
    links(): Iterable<RedisLink>;
    close(): void;
}
/** Redis's own refusal, as the error that limpet's callers know; any other error as it is. */
export declare function refusal(error: unknown): unknown;
/** All keys under `pattern` on one server, in batches as SCAN gives them. */
export declare function scan(ask: Ask, pattern: string): AsyncGenerator<string[]>;
