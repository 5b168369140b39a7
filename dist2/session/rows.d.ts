import { type Backend, type BackendStatus } from './backend.js';
import type { Serializer, SessionFields } from './serializer.js';
import { Watchers } from './watch.js';
export type OnConflict = 'merge' | 'last-write' | 'error';
export type OnStoreDown = 'error' | 'stale' | 'anonymous';
export interface RowsOptions {
    readonly serializer: Serializer;
    /** Life of a session whose cookie names none, in milliseconds. */
    readonly ttlMs: number | ((session: SessionFields) => number);
    /** A touch that would lengthen the life by less is left out; 'auto': a hundredth of the life, at most a minute. */
    readonly touchAfterMs: number | 'auto';
    readonly onConflict: OnConflict;
    readonly onStoreDown: OnStoreDown;
    readonly sessionBytesMax: number;
}
/** What the store tells its user; see the events of SessionStore. */
export interface RowsListener {
    up(): void;
    down(reason: string): void;
    gone(sid: string): void;
    degraded(feature: string, reason: string): void;
}
/**
 * What one request knows of a session's row. It belongs to one session object; two requests for the same session
 * have one each.
 */
export interface Snapshot {
    /** The object's own text when it was last in step with the store. */
    base: string;
    /** The row as last seen there; differs from `base` after a merge. Undefined before the first save. */
    known: string | undefined;
    expiresAt: number;
    /** Read while the store was away: holds nothing, and must never be stored. */
    readonly anonymous?: boolean;
    /** The save under way; a second one waits for it. */
    saving?: Promise<unknown>;
}
/** The snapshot of a session that has no row yet. */
export declare function newSnapshot(): Snapshot;
export interface Loaded {
    readonly fields: SessionFields;
    readonly snapshot: Snapshot;
}
/** Stored, or left out because the row is no longer there. */
export type Saved = 'stored' | 'gone';
/**
 * Sessions over a backend's rows, with everything that makes them right: three-way merge, no resurrection, throttled
 * touches, and the chosen answer to a store that is away. The faces (express-session, uWebSockets.js) only translate.
 */
export declare class SessionRows {
    #private;
    readonly backend: Backend;
    readonly watchers: Watchers;
    constructor(backend: Backend, options: RowsOptions, listener: RowsListener);
    /** Undefined: no such session. Rejects with ERR_LIMPET_STORE when that cannot be known (but see `onStoreDown`). */
    load(sid: string): Promise<Loaded | undefined>;
    /**
     * Stores the session; a session that has expired is destroyed instead, as express-session expects. With a snapshot
     * of a stored row: never over a row that another request changed (see `onConflict`), never where the row is gone.
     * Rejects with ERR_LIMPET_STORE, _SESSION_SIZE or _SESSION_CONFLICT when the session was not stored.
     */
    save(sid: string, session: SessionFields, snapshot: Snapshot): Promise<Saved>;
    /** Lengthens the life of the session's row; nothing happens where there is none. */
    touch(sid: string, session: SessionFields, snapshot: Snapshot | undefined): Promise<void>;
    /** Resolved: the session is gone, for every worker. */
    destroy(sid: string): Promise<void>;
    list(): AsyncGenerator<string>;
    /** The session of one listed sid, straight from the backend; undefined when it ended meanwhile. */
    peek(sid: string): Promise<SessionFields | undefined>;
    /** Destroys every session that is there now. */
    clear(): Promise<void>;
    status(): BackendStatus & Record<string, unknown>;
    close(): Promise<void>;
}
