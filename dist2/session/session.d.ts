import { SessionCookie } from './express-session.js';
import { type Loaded, type SessionRows } from './rows.js';
/** What a session needs of its manager. */
export interface SessionHome {
    readonly rows: SessionRows;
    readonly rolling: boolean;
    newSid(): string;
    newCookie(secure: boolean): SessionCookie;
    /** The Set-Cookie value that gives this sid to the client. */
    setCookie(sid: string, cookie: SessionCookie): string;
}
/**
 * One client's session during one request. The application's data are properties of it, as under express-session:
 * `session.user = …`. What is not saved with `save()` is not stored.
 */
export declare class Session {
    #private;
    [field: string]: unknown;
    /** The client's cookie; `cookie.maxAge` is the session's life in milliseconds, null for the browser's own. */
    cookie: SessionCookie;
    /** Made by SessionManager.load(). */
    constructor(home: SessionHome, secure: boolean, sid?: string, loaded?: Loaded);
    /** The sid: what the cookie carries and the row is stored under. */
    get id(): string;
    /** Whether the store has it, as far as this request knows: false for a first visit, and after destroy(). */
    get stored(): boolean;
    /**
     * Stores the session and lengthens its life. Resolved: it is stored, merged with what other requests changed.
     * Rejects with ERR_LIMPET_SESSION_GONE when it was destroyed meanwhile, _SESSION_CONFLICT, _SESSION_SIZE, _STORE.
     */
    save(): Promise<void>;
    /** Ends the session for every worker. The data stay readable in this object; save() rejects from now on. */
    destroy(): Promise<void>;
    /**
     * Ends this session and makes the object a new, empty one under a new sid. Call it whenever what the client may
     * do changes (log-in, log-out): whoever knew the old sid is left with nothing. Then set data and save().
     */
    regenerate(): Promise<void>;
    /** Takes the data as they are stored now. Rejects with ERR_LIMPET_SESSION_GONE when there are none. */
    reload(): Promise<void>;
    /** Sets the end of its life anew; stored with the next save(). load() has done so already. */
    touch(): void;
    /** Writes the lengthened life to the store, if it is worth a write. */
    keepAlive(): Promise<void>;
    /** The value of the Set-Cookie header that this response must carry; undefined when none is due. */
    setCookie(): string | undefined;
}
