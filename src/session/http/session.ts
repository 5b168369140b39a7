import { SessionCookie } from '../core/express-session.js';
import type { Loaded, SessionRows } from '../core/rows.js';
import type { SessionFields } from '../core/serializer.js';
import { newSnapshot, type Snapshot } from '../core/snapshot.js';
import { sessionGone } from '../core/store.js';

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
export class Session {
  /** The application's data. */
  [field: string]: unknown;

  /** The client's cookie; `cookie.maxAge` is the session's life in milliseconds, null for the browser's own. */
  declare cookie: SessionCookie;

  readonly #home: SessionHome;
  readonly #secure: boolean;
  #id: string;
  #snapshot: Snapshot;
  #destroyed = false;
  #cookieDue: boolean;

  /**
   * Made by SessionManager.load().
   * @internal
   */
  constructor(home: SessionHome, secure: boolean, sid?: string, loaded?: Loaded) {
    this.#home = home;
    this.#secure = secure;
    this.#id = sid ?? home.newSid();
    this.#snapshot = loaded?.snapshot ?? newSnapshot();
    this.#cookieDue = home.rolling && loaded !== undefined;
    this.#take(loaded?.fields);
  }

  /** The sid: what the cookie carries and the row is stored under. */
  get id(): string {
    return this.#id;
  }

  /** Whether the store has it, as far as this request knows: false for a first visit, and after destroy(). */
  get stored(): boolean {
    return this.#snapshot.known !== undefined && !this.#destroyed;
  }

  /**
   * Stores the session and lengthens its life. Resolved: it is stored, merged with what other requests changed.
   * Rejects with ERR_LIMPET_SESSION_GONE when it was destroyed meanwhile, _SESSION_CONFLICT, _SESSION_SIZE, _STORE.
   */
  async save(): Promise<void> {
    if (this.#destroyed) throw sessionGone(this.#id);
    this.touch();
    const first = this.#snapshot.known === undefined;
    const saved = await this.#home.rows.save(this.#id, this as unknown as SessionFields, this.#snapshot);
    if (saved === 'gone') throw sessionGone(this.#id);
    this.#cookieDue ||= first;
  }

  /** Ends the session for every worker. The data stay readable in this object; save() rejects from now on. */
  async destroy(): Promise<void> {
    await this.#home.rows.destroy(this.#id);
    this.#destroyed = true;
    this.#cookieDue = false;
  }

  /**
   * Ends this session and makes the object a new, empty one under a new sid. Call it whenever what the client may
   * do changes (log-in, log-out): whoever knew the old sid is left with nothing. Then set data and save().
   */
  async regenerate(): Promise<void> {
    await this.#home.rows.destroy(this.#id);
    this.#id = this.#home.newSid();
    this.#snapshot = newSnapshot();
    this.#destroyed = false;
    this.#take(undefined);
  }

  /** Takes the data as they are stored now. Rejects with ERR_LIMPET_SESSION_GONE when there are none. */
  async reload(): Promise<void> {
    const loaded = await this.#home.rows.load(this.#id);
    if (!loaded) throw sessionGone(this.#id);
    this.#snapshot = loaded.snapshot;
    this.#take(loaded.fields);
  }

  /** Sets the end of its life anew; stored with the next save(). load() has done so already. */
  touch(): void {
    if (this.cookie.originalMaxAge != null) this.cookie.maxAge = this.cookie.originalMaxAge;
  }

  /** Writes the lengthened life to the store, if it is worth a write. */
  async keepAlive(): Promise<void> {
    this.touch();
    if (this.stored) await this.#home.rows.touch(this.#id, this as unknown as SessionFields, this.#snapshot);
  }

  /** The value of the Set-Cookie header that this response must carry; undefined when none is due. */
  setCookie(): string | undefined {
    if (!this.#cookieDue || (this.cookie.secure && !this.#secure)) return undefined;
    return this.#home.setCookie(this.#id, this.cookie);
  }

  #take(fields: SessionFields | undefined): void {
    for (const name of Object.keys(this)) delete this[name];
    if (!fields?.cookie) this.cookie = this.#home.newCookie(this.#secure);
    else {
      const { expires, originalMaxAge } = fields.cookie;
      this.cookie = new SessionCookie(fields.cookie);
      this.cookie.expires = expires ? new Date(expires) : null;
      this.cookie.originalMaxAge = originalMaxAge ?? null;
    }
    for (const [name, value] of Object.entries(fields ?? {})) if (!(name in this)) this[name] = value;
  }
}
