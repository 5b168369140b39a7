import type { RedisClient } from './redis-client.js';
import type { OnStoreDown } from './rows.js';
import { SessionStore, type StoreOptions } from './store.js';
export interface RedisStoreOptions extends StoreOptions {
    /**
     * An ioredis (5 or 6) `Redis`, with or without Sentinel, or `Cluster`. The store takes its address, credentials,
     * TLS and `keyPrefix`, makes connections of its own, and leaves this one alone.
     */
    client: RedisClient;
    /** Before every sid in a key, after the client's own `keyPrefix`. A Cluster hash tag is fine. Default 'sess:'. */
    prefix?: string;
    /** Longest time that any call to the store waits for Redis, in milliseconds. Default 1,000. */
    commandTimeoutMs?: number;
    /**
     * What a read gives while Redis is away. 'error' (default): ERR_LIMPET_STORE; 'stale': the session as this process
     * last saw it, and an error for one it has not seen; 'anonymous': an empty session under the same sid. A write is
     * an error in all three.
     */
    onStoreDown?: OnStoreDown;
    /** Bounds of the near cache, or false for none. Default 10,000 entries, 16 MiB. */
    nearCache?: false | {
        entries?: number;
        bytes?: number;
    };
    /** A write is confirmed when so many replicas have it (WAIT): what is confirmed then survives a failover. Default 0. */
    replicas?: number;
}
/**
 * Sessions in Redis, wire-compatible with connect-redis in both directions, and near as fast as memory.
 *
 * Makes two connections to the server (to each master of a Cluster, and ioredis's Cluster beside them). Throws
 * ERR_LIMPET_OPTION. `close()` ends the connections; the client stays the application's.
 */
export declare class RedisStore extends SessionStore {
    constructor(options: RedisStoreOptions);
}
