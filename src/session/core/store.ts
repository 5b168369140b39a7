import { LRUCache } from 'lru-cache';
import { integer, oneOf, type Rule } from '../../checks.js';
import { LimpetError } from '../../errors.js';
import type { Backend } from './backend.js';
import { BaseStore, isOpen } from './express-session.js';
import { type OnConflict, type OnStoreDown, type RowsOptions, SessionRows } from './rows.js';
import { json, type Serializer, type SessionFields } from './serializer.js';
import { newSnapshot, type Snapshot } from './snapshot.js';
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

const positive: Rule = {
  expected: 'a number above 0, or Infinity (milliseconds)',
  ok: (v) => typeof v === 'number' && v >= 0,
  fallback: 'auto',
};

/** Rules for {@link StoreOptions}, for the `check` of each store. */
export const storeRules: Record<keyof StoreOptions, Rule> = {
  ttl: {
    expected: 'a number of seconds above 0, or a function that gives one',
    ok: (v) => (typeof v === 'number' && v > 0 && v <= 1e10) || typeof v === 'function',
    fallback: 86_400,
  },
  touchAfterMs: positive,
  onConflict: oneOf(['merge', 'last-write', 'error'], 'merge'),
  sessionBytesMax: integer(1024, 512 * 1024 * 1024, 1024 * 1024, ' (bytes)'),
  serializer: {
    expected: 'an object with the functions stringify and parse',
    ok: (v) =>
      typeof (v as Serializer | null)?.stringify === 'function' &&
      typeof (v as Serializer).parse === 'function',
    fallback: json,
  },
};

type Callback<T> = (error?: unknown, value?: T) => void;

/**
 * The store contract of express-session over any backend; @fastify/session takes it as well. Every method takes a
 * callback or, without one, returns a promise.
 *
 * A session obtained from `get` and given to `set` is compared with what is there; a plain object is stored whatever
 * was there. A `set` that finds its row gone is no error (express-session calls it when the response has
 * gone out): see the event 'gone'. Behind sessions(), a save() that the application itself calls does get the error.
 */
export abstract class SessionStore extends BaseStore {
  /**
   * The layer below, shared with the uWebSockets.js face.
   * @internal
   */
  readonly rows: SessionRows;
  readonly #snapshots = new WeakMap<object, Snapshot>();
  /** For frameworks that copy the session into an object of their own, which no snapshot can follow. */
  readonly #lastRead = new LRUCache<string, Snapshot>({ max: 10_000 });
  #copied = false;

  protected constructor(backend: Backend, options: StoreOptions & { onStoreDown?: OnStoreDown }) {
    super();
    const { ttl = 86_400 } = options;
    this.rows = new SessionRows(
      backend,
      {
        serializer: options.serializer ?? json,
        ttlMs: typeof ttl === 'function' ? (session) => ttl(session) * 1000 : ttl * 1000,
        touchAfterMs: (options.touchAfterMs ?? 'auto') as RowsOptions['touchAfterMs'],
        onConflict: options.onConflict ?? 'merge',
        onStoreDown: options.onStoreDown ?? 'error',
        sessionBytesMax: options.sessionBytesMax ?? 1024 * 1024,
      },
      {
        up: () => {
          this.emit('up');
          this.emit('connect');
        },
        down: (reason) => this.emit('down', reason),
        gone: (sid) => this.emit('gone', sid),
        degraded: (feature, reason) => {
          process.emitWarning(`${feature} is off: ${reason}`, 'LimpetSessionWarning');
          this.emit('degraded', feature, reason);
        },
      },
    );
  }

  /** The session, or null when there is none. Rejects with ERR_LIMPET_STORE when the store cannot tell. */
  get(sid: string): Promise<SessionFields | null>;
  get(sid: string, callback: Callback<SessionFields | null>): void;
  get(sid: string, callback?: Callback<SessionFields | null>): unknown {
    return answer(callback, this.#get(sid));
  }

  /** Stores the session and begins its life anew. Rejects with ERR_LIMPET_STORE, _SESSION_CONFLICT, _SESSION_SIZE. */
  set(sid: string, session: SessionFields): Promise<void>;
  set(sid: string, session: SessionFields, callback: Callback<void> | undefined): void;
  set(sid: string, session: SessionFields, callback?: Callback<void>): unknown {
    return answer(callback, this.#set(sid, session));
  }

  /** Begins its life anew, if it gains more than `touchAfterMs`. Rejects with ERR_LIMPET_STORE. */
  touch(sid: string, session: SessionFields): Promise<void>;
  touch(sid: string, session: SessionFields, callback: Callback<void> | undefined): void;
  touch(sid: string, session: SessionFields, callback?: Callback<void>): unknown {
    return answer(callback, this.rows.touch(sid, session, this.#snapshots.get(session)));
  }

  /** Ends the session for every worker; no error when there is none. Rejects with ERR_LIMPET_STORE. */
  destroy(sid: string): Promise<void>;
  destroy(sid: string, callback: Callback<void> | undefined): void;
  destroy(sid: string, callback?: Callback<void>): unknown {
    return answer(callback, this.rows.destroy(sid));
  }

  /** Every session, each with its `id`: for tools, not for requests. */
  all(): Promise<SessionFields[]>;
  all(callback: Callback<SessionFields[]>): void;
  all(callback?: Callback<SessionFields[]>): unknown {
    return answer(callback, this.#all());
  }

  /** How many sessions there are. It lists them all. */
  length(): Promise<number>;
  length(callback: Callback<number>): void;
  length(callback?: Callback<number>): unknown {
    return answer(
      callback,
      this.#ids().then(({ length }) => length),
    );
  }

  /** The sid of every session. */
  ids(): Promise<string[]>;
  ids(callback: Callback<string[]>): void;
  ids(callback?: Callback<string[]>): unknown {
    return answer(callback, this.#ids());
  }

  /** Destroys every session that is there now. */
  clear(): Promise<void>;
  clear(callback: Callback<void> | undefined): void;
  clear(callback?: Callback<void>): unknown {
    return answer(callback, this.rows.clear());
  }

  /**
   * Tells when the stored session `sid` is destroyed, on whichever worker or machine, or stored with other data. A
   * session that is not stored (any more) is told as destroyed at once.
   */
  watch(sid: string): SessionWatch {
    return this.rows.watchers.watch(sid);
  }

  /** Counters and capabilities: what is on, what is off and why. */
  status(): Record<string, unknown> {
    return this.rows.status();
  }

  /** Ends the store's own connections, timers and watches. Sessions stay. Calls after it reject with ERR_LIMPET_CLOSED. */
  async close(): Promise<void> {
    await this.rows.close();
    this.emit('disconnect');
  }

  /** @internal */
  override createSession(request: never, fields: never): never {
    const session = super.createSession(request, fields);
    const snapshot = this.#snapshots.get(fields);
    if (snapshot) this.#snapshots.set(session, snapshot);
    return session;
  }

  async #get(sid: string): Promise<SessionFields | null> {
    const loaded = await this.rows.load(sid);
    if (!loaded) return null;
    this.#snapshots.set(loaded.fields, loaded.snapshot);
    if (this.#copied) this.#lastRead.set(sid, loaded.snapshot);
    return loaded.fields;
  }

  async #set(sid: string, session: SessionFields): Promise<void> {
    let snapshot = this.#snapshots.get(session);
    if (!snapshot) {
      // express-session's own sessions have a request, and a snapshot if they were ever stored.
      this.#copied ||= typeof session.save === 'function' && session.req === undefined;
      const copied = this.#copied && typeof session.save === 'function' ? this.#lastRead.get(sid) : undefined;
      snapshot = copied ? { ...copied } : newSnapshot();
      this.#snapshots.set(session, snapshot);
    }
    const saved = await this.rows.save(sid, session, snapshot);
    if (saved === 'gone' && isOpen(session)) throw sessionGone(sid);
  }

  async #ids(): Promise<string[]> {
    const sids: string[] = [];
    for await (const sid of this.rows.list()) sids.push(sid);
    return sids;
  }

  async #all(): Promise<SessionFields[]> {
    const sessions: SessionFields[] = [];
    for await (const sid of this.rows.list()) {
      const session = await this.rows.peek(sid);
      if (session) sessions.push({ ...session, id: sid });
    }
    return sessions;
  }
}

export function sessionGone(sid: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_SESSION_GONE',
    'The session was destroyed or has expired since this request read it; it was not stored again. Regenerate it to begin a new one.',
    { sid },
  );
}

function answer<T>(callback: Callback<T> | undefined, promise: Promise<T>): Promise<T> | undefined {
  if (!callback) return promise;
  promise.then(
    (value) => callback(null, value),
    (error) => callback(error),
  );
  return undefined;
}
