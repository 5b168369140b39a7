/** The part of ioredis (5 and 6) that limpet uses. Nothing is imported from it: the application brings its own. */
/** What the application passes as `client`: an ioredis `Redis` (single node or Sentinel) or `Cluster`. */
export interface RedisClient {
    duplicate(override?: object, clusterOverride?: object): unknown;
    readonly options: object;
    readonly isCluster?: boolean;
}
/** A command; a function in it is a number that is only known when the command is sent. */
export type Words = readonly (string | number | (() => number))[];
/** For PX: what is left of a life that ends at `expiresAt`, however long the command had to wait for a connection. */
export declare function msUntil(expiresAt: number): () => number;
/** A connection of limpet's own, made by `duplicate`. */
export interface RedisConnection extends RedisClient {
    readonly status: string;
    on(event: string, listener: (...values: never[]) => void): unknown;
    call(command: string, ...rest: (string | number)[]): Promise<unknown>;
    pipeline(commands: (string | number)[][]): {
        exec(): Promise<[Error | null, unknown][] | null>;
    };
    disconnect(reconnect?: boolean): void;
}
export interface RedisClusterConnection extends RedisConnection {
    nodes(role: 'master'): RedisConnection[];
    refreshSlotsCache(callback: (error?: Error | null) => void): void;
}
/**
 * What limpet's own connections must not inherit from the application's. Commands in flight fail when the connection
 * does (whether they ran is unknown, and only the store knows which may be sent again); nothing is queued unseen;
 * keys are whole already; RESP2, because ioredis 6 drops the invalidation pushes of RESP3; a connection to a server
 * that has stopped is cut at once, not after a polite goodbye.
 */
export declare const ownConnection: object;
/** The prefix that the application's client puts before every key. */
export declare function keyPrefixOf(client: RedisClient): string;
/** Sends all `commands` in one write; rejects with the first error among the answers, after all have come. */
export declare function send(connection: RedisConnection, commands: readonly Words[]): Promise<unknown[]>;
