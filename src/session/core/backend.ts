/** A stored session, as a backend holds it. */
export interface Row {
  /** The serialized session. A backend never changes it. */
  readonly raw: string;
  /** End of the session's life: milliseconds since the epoch on this process's clock; Infinity for a row without an end. */
  readonly expiresAt: number;
}

/** Result of a `replace`: 'stored'; 'gone', when there was no row; or the row that was there instead of the expected one. */
export type Replaced = 'stored' | 'gone' | Row;

/** The calls that a backend makes when something changes. */
export interface BackendListener {
  /** Another process changed or removed the row of `sid`. Without `sid`, any row may have changed. */
  changed(sid?: string): void;
  /** The backend answers again. */
  up(): void;
  /** The backend does not answer. */
  down(reason: string): void;
  /** The environment does not allow a feature of the store, such as the near cache. Called once for each feature. */
  degraded(feature: string, reason: string): void;
}

/** Counters and capabilities, for people and for metrics. */
export interface BackendStatus {
  /** The kind of store, for example 'redis'. */
  readonly kind: string;
  /** Whether the backend answers. */
  readonly up: boolean;
  readonly [fact: string]: unknown;
}

/**
 * The place that keeps the rows.
 *
 * Every call settles within a bounded time. A call rejects with ERR_LIMPET_STORE when the backend cannot know what is stored: it
 * never reports a missing row in place of an error. When a write resolves, the row is stored.
 */
export interface Backend {
  /** Returns the row, or undefined when there is none or it has expired. */
  read(sid: string): Promise<Row | undefined>;
  /** Returns the row as this process last saw it, however old. Used for `onStoreDown: 'stale'` only. */
  lastKnown?(sid: string): Row | undefined;
  /** Stores the row over any other. `ttlMs` is its life in milliseconds from now. */
  create(sid: string, raw: string, ttlMs: number): Promise<void>;
  /** Stores `raw` if the live row has the text `known`, or if there is any live row when `known` is undefined. */
  replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced>;
  /** Sets the remaining life of a live row, in milliseconds. Resolves with false when there is no live row. */
  touch(sid: string, ttlMs: number): Promise<boolean>;
  /** Removes the row, if there is one. */
  remove(sid: string): Promise<void>;
  /** Yields the sids of all live rows in batches. A sid may come twice. */
  list(): AsyncIterable<string[]>;
  /** Requests `changed(sid)` for this session, until `unfollow`. */
  follow(sid: string): void;
  unfollow(sid: string): void;
  /** Sets the one listener. */
  listen(listener: BackendListener): void;
  status(): BackendStatus;
  /** Closes the connections and timers that the backend made. Idempotent. */
  close(): Promise<void>;
}
