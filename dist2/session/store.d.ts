import { LimpetError } from '../errors.js';
import { type Rule } from '../options.js';
import type { Backend } from './backend.js';
import { BaseStore } from './express-session.js';
import { type OnConflict, type OnStoreDown, SessionRows } from './rows.js';
import { type Serializer, type SessionFields } from './serializer.js';
import type { SessionWatch } from './watch.js';
/** Options that every store takes. */
export interface StoreOptions {
    /**
     * Life of a session whose cookie names no end, in seconds, as in connect-redis (fractions allowed); or a function
     * that gives the life of any session, in seconds. Default 86,400.
     */
    ttl?: number | ((session: SessionFields) => number);
    /**
     * A touch (a request that changes nothing) that would lengthen the life by less than this is left out. Infinity
     * leaves out all. Default: a hundredth of the session's life, at most 60,000.
     */
    touchAfterMs?: number;
    /**
     * When another request has stored the session since this one read it. 'merge' (default): by top-level key, what
     * this request changed onto what is there; 'last-write': this one replaces it; 'error': ERR_LIMPET_SESSION_CONFLICT.
     */
    onConflict?: OnConflict;
    /** Largest session to store, in bytes of its text. Default 1 MiB. */
    sessionBytesMax?: number;
    /** Text of a session and back, instead of JSON. */
    serializer?: Serializer;
}
/** What the rows layer and express-session hear of: `store.on(…)`. */
export interface StoreEvents {
    /** The backend answers. Not express-session's 'connect'. */
    up: [];
    /** The backend does not answer, and why. Not express-session's 'disconnect', which would drop everyone's session. */
    down: [reason: string];
    /** A save found its row gone (destroyed or expired meanwhile) and was left out. */
    gone: [sid: string];
    /** A promise of the store is not kept in this environment: the feature and why. Also a process warning, once. */
    degraded: [feature: string, reason: string];
}
/** Rules for {@link StoreOptions}, for the `check` of each store. */
export declare const storeRules: Record<keyof StoreOptions, Rule>;
type Callback<T> = (error?: unknown, value?: T) => void;
/**
 * The store contract of express-session over any backend; @fastify/session takes it as well. Every method takes a
 * callback or, without one, returns a promise.
 *
 * A session obtained from `get` and given to `set` is compared with what is there; a plain object is stored whatever
 * was there. A `set` that finds its row gone is no error (express-session calls it when the response has
 * gone out): see the event 'gone'. Behind sessions(), a save() that the application itself calls does get the error.
 */
export declare abstract class SessionStore extends BaseStore {
    #private;
    /** The layer below, shared with the uWebSockets.js face. */
    readonly rows: SessionRows;
    protected constructor(backend: Backend, options: StoreOptions & {
        onStoreDown?: OnStoreDown;
    });
    get(sid: string): Promise<SessionFields | null>;
    get(sid: string, callback: Callback<SessionFields | null>): void;
    set(sid: string, session: SessionFields): Promise<void>;
    set(sid: string, session: SessionFields, callback: Callback<void> | undefined): void;
    touch(sid: string, session: SessionFields): Promise<void>;
    touch(sid: string, session: SessionFields, callback: Callback<void> | undefined): void;
    destroy(sid: string): Promise<void>;
    destroy(sid: string, callback: Callback<void> | undefined): void;
    /** Every session, each with its `id`. */
    all(): Promise<SessionFields[]>;
    all(callback: Callback<SessionFields[]>): void;
    length(): Promise<number>;
    length(callback: Callback<number>): void;
    ids(): Promise<string[]>;
    ids(callback: Callback<string[]>): void;
    /** Destroys every session that is there now. */
    clear(): Promise<void>;
    clear(callback: Callback<void> | undefined): void;
    /**
     * Tells when the stored session `sid` is destroyed, on whichever worker or machine, or stored with other data. A
     * session that is not stored (any more) is told as destroyed at once.
     */
    watch(sid: string): SessionWatch;
    /** Counters and capabilities: what is on, what is off and why. */
    status(): Record<string, unknown>;
    /** Ends the store's own connections, timers and watches. Sessions stay. Calls after it reject with ERR_LIMPET_CLOSED. */
    close(): Promise<void>;
    createSession(request: never, fields: never): never;
}
export declare function sessionGone(sid: string): LimpetError;
export {};
