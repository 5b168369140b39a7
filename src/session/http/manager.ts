import { randomBytes } from 'node:crypto';
import { LimpetError } from '../../errors.js';
import { SessionCookie } from '../core/express-session.js';
import type { SessionStore } from '../core/store.js';
import { sidFromCookies, signedSid } from './cookie.js';
import { Session, type SessionHome } from './session.js';

/** Attributes of the cookie, as in express-session. */
export interface CookieOptions {
  /** Milliseconds; null or left out: until the browser closes. */
  maxAge?: number | null;
  /** A date instead of `maxAge`. */
  expires?: Date | null;
  /** Default '/'. */
  path?: string;
  /** By default none: the cookie goes back to the host that set it. */
  domain?: string;
  /** Default true. */
  httpOnly?: boolean;
  /** 'auto': as the connection is. Over an insecure connection a secure cookie is not sent. */
  secure?: boolean | 'auto';
  /** Default 'lax'; true is 'strict'. */
  sameSite?: boolean | 'lax' | 'strict' | 'none';
  /** One cookie jar for each site that the app is embedded in (CHIPS). */
  partitioned?: boolean;
  /** Which cookies a full jar drops first, where browsers know it. */
  priority?: 'low' | 'medium' | 'high';
}

/** Unless the application says otherwise. */
export const cookieDefaults: CookieOptions = { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' };

/** Options of a SessionManager: as of sessions(). */
export interface SessionManagerOptions {
  /** Where sessions are kept. */
  store: SessionStore;
  /** Signs the sid in the cookie. With a list, the first signs and all are accepted: put a new secret in front. */
  secret: string | readonly string[];
  /** Name of the cookie. Default 'connect.sid'. */
  name?: string;
  /** Over the defaults { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' }. */
  cookie?: CookieOptions;
  /** Makes a sid: at least 128 random bits. Default: 192 bits from the system's generator. */
  genid?: () => string;
  /** Send the cookie anew with every response. Default false. */
  rolling?: boolean;
}

/** The secrets as a list. Throws ERR_LIMPET_OPTION. */
export function secretsOf(secret: unknown): readonly string[] {
  const secrets = (Array.isArray(secret) ? secret : [secret]) as unknown[];
  if (secrets.length > 0 && secrets.every((text) => typeof text === 'string' && text !== '')) {
    return secrets as string[];
  }
  throw new LimpetError(
    'ERR_LIMPET_OPTION',
    'Sessions need a secret: a text that is not empty, or a list of them with the newest first. Give sessions({ secret }).',
    { option: 'secret' },
  );
}

/**
 * Sessions for any server: a Cookie header in, a session out. It reads and writes the same cookies and rows as
 * express-session does over the same store.
 */
export class SessionManager {
  readonly store: SessionStore;
  readonly #name: string;
  readonly #secrets: readonly string[];
  readonly #home: SessionHome;

  /** Throws ERR_LIMPET_OPTION. */
  constructor(options: SessionManagerOptions) {
    const { store, name = 'connect.sid', rolling = false } = options;
    const [secret, ...older] = secretsOf(options.secret) as [string, ...string[]];
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
        if (cookie.secure === 'auto') cookie.secure = secure;
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
  async load(
    cookieHeader: string | undefined,
    { secure = false }: { secure?: boolean } = {},
  ): Promise<Session> {
    const sid = sidFromCookies(cookieHeader, this.#name, this.#secrets);
    const loaded = sid === undefined ? undefined : await this.store.rows.load(sid);
    if (!loaded) return new Session(this.#home, secure);
    const session = new Session(this.#home, secure, sid, loaded);
    // Counted by the store; a life that was not lengthened is tried again by the next request.
    session.keepAlive().catch(() => undefined);
    return session;
  }
}
