import type { Row } from './backend.js';

/**
 * What one request knows of a session's row. It belongs to one session object; two requests for the same session
 * have one each.
 */
export interface Snapshot {
  /** The object's own text when it was last in step with the store. */
  base: string;
  /** The row as last seen there; differs from `base` after a merge. Undefined before the first save. */
  known: string | undefined;
  expiresAt: number;
  /** Read while the store was away: holds nothing, and must never be stored. */
  readonly anonymous?: boolean;
  /** The save under way; a second one waits for it. */
  saving?: Promise<unknown>;
}

/** The snapshot of a session that has no row yet. */
export function newSnapshot(): Snapshot {
  return { base: '', known: undefined, expiresAt: Number.NEGATIVE_INFINITY };
}

/** The snapshot of a session that stands in for one which could not be read. */
export function anonymousSnapshot(): Snapshot {
  return { ...newSnapshot(), anonymous: true };
}

/** The snapshot of a session that was read from `row`. */
export function snapshotOf({ raw, expiresAt }: Row): Snapshot {
  return { base: raw, known: raw, expiresAt };
}

/** The object's own text is `ours`, and the row is `stored`. */
export function inStep(snapshot: Snapshot, ours: string, stored: string, ttlMs: number): 'stored' {
  snapshot.base = ours;
  snapshot.known = stored;
  snapshot.expiresAt = Date.now() + ttlMs;
  return 'stored';
}
