import type { Row } from './backend.js';
/** One unbroken period of server-side tracking. A row cached in another period is not trusted. */
export type TrackingPeriod = object;
export interface NearCacheCounters {
    hits: number;
    misses: number;
    invalidations: number;
    entries: number;
    bytes: number;
}
/**
 * Rows as the server last told them, bounded in entries and in bytes, least recently used out first.
 *
 * A row may be cached only between `begin` and `end` of the command that brought it: if its key was invalidated in
 * the meantime, `end` leaves it out, because the server has already told what it will not tell again.
 */
export declare class NearCache {
    #private;
    /** `keepUntracked`: rows read outside of any period are kept too, for `lastKnown`. */
    constructor(bounds: {
        entries: number;
        bytes: number;
    }, keepUntracked: boolean);
    /** The live row cached in this very period. */
    get(key: string, period: TrackingPeriod): Row | undefined;
    /** A read had to ask the server. */
    missed(): void;
    /** The row of any period (or of one), as long as no one has said that it changed. Not counted as a read. */
    lastKnown(key: string, period?: TrackingPeriod): Row | undefined;
    /** Marks a command on `key` as sent; the answer must be given to `end` with the version returned here. */
    begin(key: string): number;
    /**
     * The command that was sent in `period` is answered: caches `row` (undefined: there is none), unless the key was
     * invalidated since `begin`.
     */
    end(key: string, version: number, period: TrackingPeriod | undefined, row: Row | undefined): void;
    /** This process is about to write `key` or has: nothing known of it holds, nothing in flight may be cached. */
    forget(key: string): void;
    /** The server says that `key` changed. */
    invalidate(key: string): void;
    /** The server says that everything may have changed. */
    invalidateAll(): void;
    get counters(): NearCacheCounters;
}
