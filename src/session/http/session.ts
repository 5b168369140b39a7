import { SessionCookie } from '../core/express-session.js';
import type { Loaded, SessionRows } from '../core/rows.js';
import type { SessionFields } from '../core/serializer.js';
import { newSnapshot, type Snapshot } from '../core/snapshot.js';
import { sessionGone } from '../core/store-errors.js';

/** The part of a SessionManager that its sessions use. */
export interface SessionContext {
  readonly rows: SessionRows;
  readonly rolling: boolean;
  newSid(): string;
  newCookie(secure: boolean): SessionCookie;
  /** Returns the Set-Cookie value for this sid. */
  setCookie(sid: string, cookie: SessionCookie): string;
}

/**
 * The session of one client during one request. The application's data are its properties, as in express-session:
 * `session.user = …`. Only `save()` stores them.
 */
export class Session {
  /** The application's data. */
  [field: string]: unknown;

  /** The cookie. `cookie.maxAge` is the session's life in milliseconds; null if the cookie ends with the browser. */
  declare cookie: SessionCookie;

  readonly #context: SessionContext;
  readonly #secure: boolean;
  #id: string;
  #snapshot: Snapshot;
  #destroyed = false;
  #cookieDue: boolean;

  /**
   * SessionManager.load() makes sessions.
   * @internal
   */
  constructor(context: SessionContext, secure: boolean, sid?: string, loaded?: Loaded) {
    this.#context = context;
    this.#secure = secure;
    this.#id = sid ?? context.newSid();
    this.#snapshot = loaded?.snapshot ?? newSnapshot();
    this.#cookieDue = context.rolling && loaded !== undefined;
    this.#setFields(loaded?.fields);
  }

  /** The session's identifier: the cookie carries the sid, and the row is stored under the sid. */
  get id(): string {
    return this.#id;
  }

  /** Whether the store has the session, as far as this request knows. False for a first visit, and after destroy(). */
  get stored(): boolean {
    return this.#snapshot.known !== undefined && !this.#destroyed;
  }

  /**
   * Stores the session and restarts its life. When it resolves, the session is stored, merged with the changes of other requests.
   *
   * Rejects with ERR_LIMPET_SESSION_GONE when the session was destroyed or has expired since it was read. Rejects with
   * ERR_LIMPET_SESSION_CONFLICT, ERR_LIMPET_SESSION_SIZE or ERR_LIMPET_STORE when it was not stored.
   */
  async save(): Promise<void> {
    if (this.#destroyed) throw sessionGone(this.#id);
    this.touch();
    const first = this.#snapshot.known === undefined;
    const saved = await this.#context.rows.save(this.#id, this as unknown as SessionFields, this.#snapshot);
    if (saved === 'gone') throw sessionGone(this.#id);
    this.#cookieDue ||= first;
  }

  /** Destroys the session for every worker. The data stay readable in this object. From now on, save() rejects. */
  async destroy(): Promise<void> {
    await this.#context.rows.destroy(this.#id);
    this.#destroyed = true;
    this.#cookieDue = false;
  }

  /**
   * Destroys this session, and makes this object a new, empty one under a new sid. Then set data and save().
   *
   * Session fixation: call it whenever the rights of the client change (log-in, log-out). The old sid is worth nothing afterwards.
   */
  async regenerate(): Promise<void> {
    await this.#context.rows.destroy(this.#id);
    this.#id = this.#context.newSid();
    this.#snapshot = newSnapshot();
    this.#destroyed = false;
    this.#setFields(undefined);
  }

  /** Replaces the data with the stored ones. Rejects with ERR_LIMPET_SESSION_GONE when the session is not stored. */
  async reload(): Promise<void> {
    const loaded = await this.#context.rows.load(this.#id);
    if (!loaded) throw sessionGone(this.#id);
    this.#snapshot = loaded.snapshot;
    this.#setFields(loaded.fields);
  }

  /** Restarts the life of the session; the next save() stores its new end. load() has called it already. */
  touch(): void {
    if (this.cookie.originalMaxAge != null) this.cookie.maxAge = this.cookie.originalMaxAge;
  }

  /** Restarts the life, and stores its new end unless it gains less than `touchAfterMs`. */
  async keepAlive(): Promise<void> {
    this.touch();
    if (this.stored)
      await this.#context.rows.touch(this.#id, this as unknown as SessionFields, this.#snapshot);
  }

  /** Returns the value of the Set-Cookie header for this response; undefined if the response needs none. */
  setCookie(): string | undefined {
    if (!this.#cookieDue || (this.cookie.secure && !this.#secure)) return undefined;
    return this.#context.setCookie(this.#id, this.cookie);
  }

  /** Replaces all properties. Without `fields`, the session is empty and has a new cookie. */
  #setFields(fields: SessionFields | undefined): void {
    for (const name of Object.keys(this)) delete this[name];
    if (!fields?.cookie) this.cookie = this.#context.newCookie(this.#secure);
    else {
      const { expires, originalMaxAge } = fields.cookie;
      this.cookie = new SessionCookie(fields.cookie);
      this.cookie.expires = expires ? new Date(expires) : null;
      this.cookie.originalMaxAge = originalMaxAge ?? null;
    }
    for (const [name, value] of Object.entries(fields ?? {})) if (!(name in this)) this[name] = value;
  }
}
