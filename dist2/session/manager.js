import { randomBytes } from 'node:crypto';
import { LimpetError } from '../errors.js';
import { sidFromCookies, signedSid } from './cookie.js';
import { SessionCookie } from './express-session.js';
import { Session } from './session.js';
/** Unless the application says otherwise. */
export const cookieDefaults = { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' };
/** The secrets as a list. Throws ERR_LIMPET_OPTION. */
export function secretsOf(secret) {
    const secrets = (Array.isArray(secret) ? secret : [secret]);
    if (secrets.length > 0 && secrets.every((text) => typeof text === 'string' && text !== '')) {
        return secrets;
    }
    throw new LimpetError('ERR_LIMPET_OPTION', 'Sessions need a secret: a text that is not empty, or a list of them with the newest first. Give sessions({ secret }).', { option: 'secret' });
}
/**
 * Sessions for any server: a Cookie header in, a session out. It reads and writes the same cookies and rows as
 * express-session does over the same store.
 */
export class SessionManager {
    store;
    #name;
    #secrets;
    #home;
    /** Throws ERR_LIMPET_OPTION. */
    constructor(options) {
        const { store, name = 'connect.sid', rolling = false } = options;
        const [secret, ...older] = secretsOf(options.secret);
        this.store = store;
        this.#name = name;
        this.#secrets = [secret, ...older];
        const attributes = { ...cookieDefaults, ...options.cookie };
        this.#home = {
            rows: store.rows,
            rolling,
            newSid: options.genid ?? (() => randomBytes(24).toString('base64url')),
            newCookie: (secure) => {
                const cookie = new SessionCookie(attributes);
                if (cookie.secure === 'auto')
                    cookie.secure = secure;
                return cookie;
            },
            setCookie: (sid, cookie) => cookie.serialize(name, signedSid(sid, secret)),
        };
    }
    /**
     * The session of a request with this Cookie header: the stored one, else a new one that is stored by its first
     * save(). `secure`: whether the client's connection is encrypted. Rejects with ERR_LIMPET_STORE when the store can't
     * tell (see `onStoreDown`); it never gives a new session instead.
     */
    async load(cookieHeader, { secure = false } = {}) {
        const sid = sidFromCookies(cookieHeader, this.#name, this.#secrets);
        const loaded = sid === undefined ? undefined : await this.store.rows.load(sid);
        if (!loaded)
            return new Session(this.#home, secure);
        const session = new Session(this.#home, secure, sid, loaded);
        // Counted by the store; a life that was not lengthened is tried again by the next request.
        session.keepAlive().catch(() => undefined);
        return session;
    }
}
