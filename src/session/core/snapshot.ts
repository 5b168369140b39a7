import type { Row } from './backend.js';

/** The state of a session's row as one request knows it. Each session object has its own, also if two requests use one session. */
export interface Snapshot {
  /** Text of the session object when it was last read or saved. The base of a merge. */
  base: string;
  /** Text of the row in the store at that time. Differs from `base` after a merge. Undefined before the first save. */
  known: string | undefined;
  /** End of the row's life at that time: milliseconds since the epoch. */
  expiresAt: number;
  /** The session is an empty stand-in, made while the store was away. It must never be stored. */
  readonly anonymous?: boolean;
  /** The save in flight. The next save waits for it. */
  saving?: Promise<unknown>;
}

/** Returns the snapshot of a session that has no row yet. */
export function newSnapshot(): Snapshot {
  return { base: '', known: undefined, expiresAt: Number.NEGATIVE_INFINITY };
}

/** Returns the snapshot of the empty session that replaces an unreadable one: see `onStoreDown: 'anonymous'`. */
export function anonymousSnapshot(): Snapshot {
  return { ...newSnapshot(), anonymous: true };
}

/** Returns the snapshot of a session that was read from `row`. */
export function snapshotOf({ raw, expiresAt }: Row): Snapshot {
  return { base: raw, known: raw, expiresAt };
}

/** Updates the snapshot after a save: `ours` is the text of the object, `stored` the text of the row. */
export function markStored(snapshot: Snapshot, ours: string, stored: string, ttlMs: number): 'stored' {
  snapshot.base = ours;
  snapshot.known = stored;
  snapshot.expiresAt = Date.now() + ttlMs;
  return 'stored';
}
