import { LRUCache } from 'lru-cache';
import type { Backend } from './backend.js';
import { BaseStore, isOpen } from './express-session.js';
import { type OnStoreDown, type RowsOptions, SessionRows } from './rows.js';
import { json, type SessionFields } from './serializer.js';
import { newSnapshot, type Snapshot } from './snapshot.js';
import { sessionGone } from './store-errors.js';
import type { StoreOptions } from './store-options.js';
import type { SessionWatch } from './watch.js';

/** Events of a store: `store.on(…)`. */
export interface StoreEvents {
  /** The backend answers. */
  up: [];
  /**
   * The backend does not answer, with the reason. The store does not emit express-session's 'disconnect' then, because
   * express-session would serve every request without a session.
   */
  down: [reason: string];
  /** A save found that its session was destroyed or has expired, and stored nothing. */
  gone: [sid: string];
  /** The environment does not allow this feature, with the reason. Emitted once for each feature, with a process warning. */
  degraded: [feature: string, reason: string];
}

type Callback<T> = (error?: unknown, value?: T) => void;

/**
 * A store for express-session, and for @fastify/session. Each method takes a callback, or returns a promise if it gets none.
 *
 * `set` compares a session that came from `get` with the stored one, and merges the two: see `onConflict`. A plain object replaces
 * whatever is stored. If the session has been destroyed since, `set` stores nothing, emits 'gone' and does not reject, because
 * express-session calls `set` when the response has been sent. Behind sessions(), the application's own `session.save()` rejects with
 * ERR_LIMPET_SESSION_GONE.
 */
export abstract class SessionStore extends BaseStore {
  /**
   * The rows of the store. SessionManager uses them too.
   * @internal
   */
  readonly rows: SessionRows;
  readonly #snapshots = new WeakMap<object, Snapshot>();
  /**
   * Snapshots by sid, for frameworks that copy the session into an object of their own (@fastify/session). `#snapshots` does not know
   * such a copy.
   */
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

  /** Resolves with the session, or with null when there is none. Rejects with ERR_LIMPET_STORE when the store cannot know. */
  get(sid: string): Promise<SessionFields | null>;
  get(sid: string, callback: Callback<SessionFields | null>): void;
  get(sid: string, callback?: Callback<SessionFields | null>): unknown {
    return answer(callback, this.#get(sid));
  }

  /**
   * Stores the session and restarts its life. Rejects with ERR_LIMPET_STORE, ERR_LIMPET_SESSION_CONFLICT or
   * ERR_LIMPET_SESSION_SIZE.
   */
  set(sid: string, session: SessionFields): Promise<void>;
  set(sid: string, session: SessionFields, callback: Callback<void> | undefined): void;
  set(sid: string, session: SessionFields, callback?: Callback<void>): unknown {
    return answer(callback, this.#set(sid, session));
  }

  /**
   * Restarts the life of the session. Sends nothing when that would lengthen the life by less than `touchAfterMs`. Rejects with
   * ERR_LIMPET_STORE.
   */
  touch(sid: string, session: SessionFields): Promise<void>;
  touch(sid: string, session: SessionFields, callback: Callback<void> | undefined): void;
  touch(sid: string, session: SessionFields, callback?: Callback<void>): unknown {
    return answer(callback, this.rows.touch(sid, session, this.#snapshots.get(session)));
  }

  /** Destroys the session for every worker. No error when there is none. Rejects with ERR_LIMPET_STORE. */
  destroy(sid: string): Promise<void>;
  destroy(sid: string, callback: Callback<void> | undefined): void;
  destroy(sid: string, callback?: Callback<void>): unknown {
    return answer(callback, this.rows.destroy(sid));
  }

  /** Resolves with every session, each with its `id`. Reads them all: for tools, not for requests. */
  all(): Promise<SessionFields[]>;
  all(callback: Callback<SessionFields[]>): void;
  all(callback?: Callback<SessionFields[]>): unknown {
    return answer(callback, this.#all());
  }

  /** Resolves with the number of sessions. Lists them all. */
  length(): Promise<number>;
  length(callback: Callback<number>): void;
  length(callback?: Callback<number>): unknown {
    return answer(
      callback,
      this.#ids().then(({ length }) => length),
    );
  }

  /** Resolves with the sid of every session. */
  ids(): Promise<string[]>;
  ids(callback: Callback<string[]>): void;
  ids(callback?: Callback<string[]>): unknown {
    return answer(callback, this.#ids());
  }

  /** Destroys every session that exists now. */
  clear(): Promise<void>;
  clear(callback: Callback<void> | undefined): void;
  clear(callback?: Callback<void>): unknown {
    return answer(callback, this.rows.clear());
  }

  /**
   * Returns a watch of the stored session `sid`. The watch emits 'destroyed' when the session ends on any worker or machine, and
   * 'changed' when other data were stored. If the session is not stored, the watch emits 'destroyed' at once.
   */
  watch(sid: string): SessionWatch {
    return this.rows.watchers.watch(sid);
  }

  /** Returns counters, and which features are on or off, with the reason. */
  status(): Record<string, unknown> {
    return this.rows.status();
  }

  /** Closes the store's own connections, timers and watches. Sessions stay. Later calls reject with ERR_LIMPET_CLOSED. */
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
      // A session of express-session has `req`, and has a snapshot if it was ever stored. Anything else with `save` is a copy.
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

function answer<T>(callback: Callback<T> | undefined, promise: Promise<T>): Promise<T> | undefined {
  if (!callback) return promise;
  promise.then(
    (value) => callback(null, value),
    (error) => callback(error),
  );
  return undefined;
}
