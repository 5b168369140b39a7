import { LimpetError } from '../../errors.js';
import type { Backend, BackendStatus, Row } from './backend.js';
import { RowText, type RowTextOptions } from './row-text.js';
import type { SessionFields } from './serializer.js';
import { anonymousSnapshot, markStored, type Snapshot, snapshotOf } from './snapshot.js';
import { isStoreAway, storeAway } from './store-errors.js';
import { Watchers } from './watch.js';

/** Action of a save when another request has stored the session since this one read it. */
export type OnConflict = 'merge' | 'last-write' | 'error';
/** Result of a read while the store does not answer. */
export type OnStoreDown = 'error' | 'stale' | 'anonymous';

export interface RowsOptions extends RowTextOptions {
  /**
   * Milliseconds. A touch that would lengthen the life by less than this is not sent. 'auto' is a hundredth of the life, at most
   * 60,000.
   */
  readonly touchAfterMs: number | 'auto';
  readonly onConflict: OnConflict;
  readonly onStoreDown: OnStoreDown;
}

/** Receives the events of a store: see StoreEvents. */
export interface RowsListener {
  up(): void;
  down(reason: string): void;
  gone(sid: string): void;
  degraded(feature: string, reason: string): void;
}

export interface Loaded {
  readonly fields: SessionFields;
  readonly snapshot: Snapshot;
}

/** Result of a save: 'gone' when the row was no longer there, so that nothing was stored. */
export type Saved = 'stored' | 'gone';

/**
 * Reads and writes sessions as rows of a backend: three-way merge, no return of a destroyed session, throttled touches, and
 * `onStoreDown`. The stores for Express and for uWebSockets.js are thin layers over this class.
 */
export class SessionRows {
  readonly backend: Backend;
  readonly watchers: Watchers;
  readonly #options: RowsOptions;
  readonly #text: RowText;
  readonly #listener: RowsListener;
  readonly #touching = new Map<string, Promise<void>>();
  readonly #counters = { gone: 0, conflicts: 0, stale: 0, anonymous: 0, failures: 0, touchesLeftOut: 0 };

  constructor(backend: Backend, options: RowsOptions, listener: RowsListener) {
    this.backend = backend;
    this.#options = options;
    this.#text = new RowText(options);
    this.#listener = listener;
    this.watchers = new Watchers(backend);
    backend.listen({
      changed: (sid) => this.watchers.look(sid),
      up: () => listener.up(),
      down: (reason) => listener.down(reason),
      degraded: (feature, reason) => listener.degraded(feature, reason),
    });
  }

  /**
   * Resolves with undefined when there is no such session. Rejects with ERR_LIMPET_STORE when the store cannot know, unless
   * `onStoreDown` says otherwise.
   */
  async load(sid: string): Promise<Loaded | undefined> {
    let row: Row | undefined;
    try {
      row = await this.backend.read(sid);
    } catch (error) {
      this.#counters.failures++;
      if (!isStoreAway(error) || this.#options.onStoreDown === 'error') throw error;
      if (this.#options.onStoreDown === 'anonymous') return this.#anonymous();
      row = this.backend.lastKnown?.(sid);
      if (!row) throw error;
      this.#counters.stale++;
    }
    if (!row) return undefined;
    return { fields: this.#text.read(sid, row), snapshot: snapshotOf(row) };
  }

  /**
   * Stores the session, or destroys it when it has expired, as express-session expects.
   *
   * With the snapshot of a stored row, a save is a compare-and-set: `onConflict` decides about a row that another request has
   * changed, and a row that is gone stays gone. Rejects with ERR_LIMPET_STORE, ERR_LIMPET_SESSION_SIZE or
   * ERR_LIMPET_SESSION_CONFLICT when the session was not stored.
   */
  async save(sid: string, session: SessionFields, snapshot: Snapshot): Promise<Saved> {
    if (snapshot.anonymous) {
      throw storeAway(
        'The session is an empty stand-in, because the store was away when it was read. It was not stored over the real one. Try again with the next request.',
      );
    }
    const ttlMs = this.#text.ttlOf(session);
    const ours = this.#text.write(session);
    const before = snapshot.saving;
    const saving = before
      ? before.then(() => this.#write(sid, ours, ttlMs, snapshot))
      : this.#write(sid, ours, ttlMs, snapshot);
    const settled = saving.then(
      () => undefined,
      () => undefined,
    );
    snapshot.saving = settled;
    try {
      return await saving;
    } catch (error) {
      this.#counters.failures++;
      throw error;
    } finally {
      if (snapshot.saving === settled) delete snapshot.saving;
    }
  }

  /** Lengthens the life of the session's row, if there is a row. Destroys a session that has expired. */
  async touch(sid: string, session: SessionFields, snapshot: Snapshot | undefined): Promise<void> {
    if (snapshot?.anonymous) return;
    const ttlMs = this.#text.ttlOf(session);
    if (ttlMs <= 0) return this.destroy(sid);
    if (snapshot) {
      const gainMs = Date.now() + ttlMs - snapshot.expiresAt;
      if (gainMs >= 0 && gainMs < this.#touchAfterMs(ttlMs)) {
        this.#counters.touchesLeftOut++;
        return;
      }
    }
    // Requests that arrive together share one touch.
    const inFlight = snapshot && this.#touching.get(sid);
    if (inFlight) return inFlight;
    const touching = this.#touch(sid, ttlMs, snapshot).finally(() => this.#touching.delete(sid));
    this.#touching.set(sid, touching);
    return touching;
  }

  /** Resolves when the session is gone for every worker. */
  async destroy(sid: string): Promise<void> {
    await this.backend.remove(sid);
    this.watchers.gone(sid);
  }

  /** Yields the sid of every session once. */
  async *list(): AsyncGenerator<string> {
    const seen = new Set<string>();
    for await (const batch of this.backend.list()) {
      for (const sid of batch) {
        if (seen.has(sid)) continue;
        seen.add(sid);
        yield sid;
      }
    }
  }

  /** Returns the session of a listed sid, or undefined when it has ended since. Does not apply `onStoreDown`. */
  async peek(sid: string): Promise<SessionFields | undefined> {
    const row = await this.backend.read(sid);
    return row && this.#text.read(sid, row);
  }

  /** Destroys every session that exists now. */
  async clear(): Promise<void> {
    for await (const batch of this.backend.list()) await Promise.all(batch.map((sid) => this.destroy(sid)));
  }

  status(): BackendStatus & Record<string, unknown> {
    return { ...this.backend.status(), ...this.#counters, watched: this.watchers.size };
  }

  async close(): Promise<void> {
    this.watchers.close();
    await this.backend.close();
  }

  async #write(sid: string, ours: string, ttlMs: number, snapshot: Snapshot): Promise<Saved> {
    if (ttlMs <= 0) {
      await this.destroy(sid);
      return 'stored';
    }
    if (snapshot.known === undefined) {
      await this.backend.create(sid, ours, ttlMs);
      return markStored(snapshot, ours, ours, ttlMs);
    }
    const { onConflict } = this.#options;
    // Each round is one compare-and-set. After a lost race, `there` is the other request's row: merge with it and try again.
    for (let there = snapshot.known; ; snapshot.known = there) {
      const text = there === snapshot.base ? ours : this.#text.merge(snapshot.base, ours, there);
      const lifeMs = text === ours ? ttlMs : this.#text.ttlWithin(text);
      const known = onConflict === 'last-write' ? undefined : there;
      const replaced = await this.backend.replace(sid, known, text, lifeMs);
      if (replaced === 'stored') return markStored(snapshot, ours, text, lifeMs);
      if (replaced === 'gone') {
        this.#counters.gone++;
        this.#listener.gone(sid);
        this.watchers.gone(sid);
        return 'gone';
      }
      // The row is our own text: the backend repeated a write whose answer was lost.
      if (replaced.raw === text) return markStored(snapshot, ours, text, lifeMs);
      this.#counters.conflicts++;
      if (onConflict === 'error') {
        throw new LimpetError(
          'ERR_LIMPET_SESSION_CONFLICT',
          "Another request changed the session since this one read it, and onConflict is 'error'. Reload the session and try again.",
        );
      }
      there = replaced.raw;
    }
  }

  async #touch(sid: string, ttlMs: number, snapshot: Snapshot | undefined): Promise<void> {
    try {
      if ((await this.backend.touch(sid, ttlMs)) && snapshot) snapshot.expiresAt = Date.now() + ttlMs;
    } catch (error) {
      this.#counters.failures++;
      // A failed touch loses no data of the application.
      if (!isStoreAway(error) || this.#options.onStoreDown === 'error') throw error;
    }
  }

  #anonymous(): Loaded {
    this.#counters.anonymous++;
    const fields = { cookie: { originalMaxAge: null, expires: null } };
    return { fields, snapshot: anonymousSnapshot() };
  }

  #touchAfterMs(ttlMs: number): number {
    const { touchAfterMs } = this.#options;
    return touchAfterMs === 'auto' ? Math.min(60_000, ttlMs / 100) : touchAfterMs;
  }
}
