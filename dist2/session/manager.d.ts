import { Session } from './session.js';
import type { SessionStore } from './store.js';
/** Attributes of the cookie, as in express-session. */
export interface CookieOptions {
    /** Milliseconds; null or left out: until the browser closes. */
    maxAge?: number | null;
    expires?: Date | null;
    path?: string;
    domain?: string;
    httpOnly?: boolean;
    /** 'auto': as the connection is. Over an insecure connection a secure cookie is not sent. */
    secure?: boolean | 'auto';
    sameSite?: boolean | 'lax' | 'strict' | 'none';
    partitioned?: boolean;
    priority?: 'low' | 'medium' | 'high';
}
/** Unless the application says otherwise. */
export declare const cookieDefaults: CookieOptions;
export interface SessionManagerOptions {
    store: SessionStore;
    /** Signs the sid in the cookie. With a list, the first signs and all are accepted: put a new secret in front. */
    secret: string | readonly string[];
    /** Name of the cookie. Default 'connect.sid'. */
    name?: string;
    cookie?: CookieOptions;
    /** Makes a sid: at least 128 random bits. Default: 192 bits from the system's generator. */
    genid?: () => string;
    /** Send the cookie anew with every response. Default false. */
    rolling?: boolean;
}
/** The secrets as a list. Throws ERR_LIMPET_OPTION. */
export declare function secretsOf(secret: unknown): readonly string[];
/**
 * Sessions for any server: a Cookie header in, a session out. It reads and writes the same cookies and rows as
 * express-session does over the same store.
 */
export declare class SessionManager {
    #private;
    readonly store: SessionStore;
    /** Throws ERR_LIMPET_OPTION. */
    constructor(options: SessionManagerOptions);
    /**
     * The session of a request with this Cookie header: the stored one, else a new one that is stored by its first
     * save(). `secure`: whether the client's connection is encrypted. Rejects with ERR_LIMPET_STORE when the store can't
     * tell (see `onStoreDown`); it never gives a new session instead.
     */
    load(cookieHeader: string | undefined, { secure }?: {
        secure?: boolean;
    }): Promise<Session>;
}
