import type { Backend, BackendListener, BackendStatus, Replaced, Row } from './backend.js';
import { type RedisClient } from './redis-client.js';
export interface RedisBackendOptions {
    readonly client: RedisClient;
    readonly prefix: string;
    readonly commandTimeoutMs: number;
    /** A write is confirmed once so many replicas have it; 0 asks none. */
    readonly replicas: number;
    readonly nearCache: {
        readonly entries: number;
        readonly bytes: number;
    } | false;
    /** Rows are kept as last known even where they can't be tracked. */
    readonly keepLastKnown: boolean;
}
/** Rows as Redis strings under `<keyPrefix><prefix><sid>`, in step with connect-redis, behind a {@link NearCache}. */
export declare class RedisBackend implements Backend {
    #private;
    constructor(options: RedisBackendOptions);
    read(sid: string): Promise<Row | undefined>;
    lastKnown(sid: string): Row | undefined;
    create(sid: string, raw: string, ttlMs: number): Promise<void>;
    replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced>;
    touch(sid: string, ttlMs: number): Promise<boolean>;
    remove(sid: string): Promise<void>;
    list(): AsyncGenerator<string[]>;
    follow(sid: string): void;
    unfollow(sid: string): void;
    listen(listener: BackendListener): void;
    status(): BackendStatus;
    close(): Promise<void>;
}
