import { randomBytes } from 'node:crypto';
import { SessionCookie } from '../core/express-session.js';
import type { SessionStore } from '../core/store.js';
import { type CookieOptions, cookieDefaults, secretsOf, sidFromCookies, signedSid } from './cookie.js';
import { Session, type SessionContext } from './session.js';

/** Options of a SessionManager, with the same meaning as in sessions(). */
export interface SessionManagerOptions {
  /** The store that keeps the sessions. */
  store: SessionStore;
  /** Signs the sid in the cookie. In a list, the first secret signs and all verify: to rotate, put the new one first. */
  secret: string | readonly string[];
  /** Name of the cookie. Default 'connect.sid'. */
  name?: string;
  /** Each attribute replaces one of the defaults { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' }. */
  cookie?: CookieOptions;
  /** Returns a new sid of at least 128 random bits. Default: 192 bits from the system's generator. */
  genid?: () => string;
  /** Whether every response sets the cookie again. Default false. */
  rolling?: boolean;
}

/**
 * Sessions for any server: takes a Cookie header, returns a session. Its cookies and rows are those of express-session on the same
 * store.
 */
export class SessionManager {
  readonly store: SessionStore;
  readonly #name: string;
  readonly #secrets: readonly string[];
  readonly #context: SessionContext;

  /** Throws ERR_LIMPET_OPTION. */
  constructor(options: SessionManagerOptions) {
    const { store, name = 'connect.sid', rolling = false } = options;
    const [secret, ...older] = secretsOf(options.secret) as [string, ...string[]];
    this.store = store;
    this.#name = name;
    this.#secrets = [secret, ...older];
    const attributes = { ...cookieDefaults, ...options.cookie };
    this.#context = {
      rows: store.rows,
      rolling,
      newSid: options.genid ?? (() => randomBytes(24).toString('base64url')),
      newCookie: (secure) => {
        const cookie = new SessionCookie(attributes);
        if (cookie.secure === 'auto') cookie.secure = secure;
        return cookie;
      },
      setCookie: (sid, cookie) => cookie.serialize(name, signedSid(sid, secret)),
    };
  }

  /**
   * Resolves with the session of a request with this Cookie header: the stored one, or a new one, which its first save() stores.
   * `secure`: whether the client's connection is encrypted; default false.
   *
   * Rejects with ERR_LIMPET_STORE when the store cannot know whether there is a session (see `onStoreDown`). load() never makes a new
   * session in that case.
   */
  async load(
    cookieHeader: string | undefined,
    { secure = false }: { secure?: boolean } = {},
  ): Promise<Session> {
    const sid = sidFromCookies(cookieHeader, this.#name, this.#secrets);
    const loaded = sid === undefined ? undefined : await this.store.rows.load(sid);
    if (!loaded) return new Session(this.#context, secure);
    const session = new Session(this.#context, secure, sid, loaded);
    // The store counts a failure. The next request tries to lengthen the life again.
    session.keepAlive().catch(() => undefined);
    return session;
  }
}
