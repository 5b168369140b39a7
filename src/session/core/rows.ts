import { LimpetError } from '../../errors.js';
import { type Backend, type BackendStatus, isStoreAway, type Row, storeAway } from './backend.js';
import { RowText, type RowTextOptions } from './row-text.js';
import type { SessionFields } from './serializer.js';
import { anonymousSnapshot, inStep, type Snapshot, snapshotOf } from './snapshot.js';
import { Watchers } from './watch.js';

/** What a save does when another request has stored the session since this one read it. */
export type OnConflict = 'merge' | 'last-write' | 'error';
/** What a read gives while the store is away. */
export type OnStoreDown = 'error' | 'stale' | 'anonymous';

export interface RowsOptions extends RowTextOptions {
  /** A touch that would lengthen the life by less is left out; 'auto': a hundredth of the life, at most a minute. */
  readonly touchAfterMs: number | 'auto';
  readonly onConflict: OnConflict;
  readonly onStoreDown: OnStoreDown;
}

/** What the store tells its user; see the events of SessionStore. */
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

/** Stored, or left out because the row is no longer there. */
export type Saved = 'stored' | 'gone';

/**
 * Sessions over a backend's rows, with everything that makes them right: three-way merge, no resurrection, throttled
 * touches, and the chosen answer to a store that is away. The faces (express-session, uWebSockets.js) only translate.
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

  /** Undefined: no such session. Rejects with ERR_LIMPET_STORE when that cannot be known (but see `onStoreDown`). */
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
   * Stores the session; a session that has expired is destroyed instead, as express-session expects. With a snapshot
   * of a stored row: never over a row that another request changed (see `onConflict`), never where the row is gone.
   * Rejects with ERR_LIMPET_STORE, _SESSION_SIZE or _SESSION_CONFLICT when the session was not stored.
   */
  async save(sid: string, session: SessionFields, snapshot: Snapshot): Promise<Saved> {
    if (snapshot.anonymous) {
      throw storeAway(
        'The session was read while the store was away: it is empty, and storing it would lose the real one',
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

  /** Lengthens the life of the session's row; nothing happens where there is none. */
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
    // Requests that come together touch once.
    const underWay = snapshot && this.#touching.get(sid);
    if (underWay) return underWay;
    const touching = this.#touch(sid, ttlMs, snapshot).finally(() => this.#touching.delete(sid));
    this.#touching.set(sid, touching);
    return touching;
  }

  /** Resolved: the session is gone, for every worker. */
  async destroy(sid: string): Promise<void> {
    await this.backend.remove(sid);
    this.watchers.gone(sid);
  }

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

  /** The session of one listed sid, straight from the backend; undefined when it ended meanwhile. */
  async peek(sid: string): Promise<SessionFields | undefined> {
    const row = await this.backend.read(sid);
    return row && this.#text.read(sid, row);
  }

  /** Destroys every session that is there now. */
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
      return inStep(snapshot, ours, ours, ttlMs);
    }
    const { onConflict } = this.#options;
    for (let there = snapshot.known; ; snapshot.known = there) {
      const text = there === snapshot.base ? ours : this.#text.merge(snapshot.base, ours, there);
      const lifeMs = text === ours ? ttlMs : this.#text.ttlWithin(text);
      const known = onConflict === 'last-write' ? undefined : there;
      const replaced = await this.backend.replace(sid, known, text, lifeMs);
      if (replaced === 'stored') return inStep(snapshot, ours, text, lifeMs);
      if (replaced === 'gone') {
        this.#counters.gone++;
        this.#listener.gone(sid);
        this.watchers.gone(sid);
        return 'gone';
      }
      if (replaced.raw === text) return inStep(snapshot, ours, text, lifeMs);
      this.#counters.conflicts++;
      if (onConflict === 'error') {
        throw new LimpetError(
          'ERR_LIMPET_SESSION_CONFLICT',
          "The session was changed by another request since this one read it, and onConflict is 'error'. Reload it and try again.",
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
      // Nothing that the application wrote is lost by a touch that did not come through.
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
