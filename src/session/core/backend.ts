import { LimpetError } from '../../errors.js';

/** A stored session as the backend holds it: the serialized text, untouched, and when it ends. */
export interface Row {
  readonly raw: string;
  /** Milliseconds since the epoch on this process's clock; Infinity for a row that never ends. */
  readonly expiresAt: number;
}

/** What became of a replacement: stored, not stored because no row was there, or the row that was there instead. */
export type Replaced = 'stored' | 'gone' | Row;

/** What a backend tells without being asked. */
export interface BackendListener {
  /** The row of `sid` changed or went away elsewhere; without `sid`, any row may have. */
  changed(sid?: string): void;
  up(): void;
  down(reason: string): void;
  /** A promise of the store is not kept in this environment; said once per feature. */
  degraded(feature: string, reason: string): void;
}

/** Counters and capabilities, for people and for metrics. */
export interface BackendStatus {
  readonly kind: string;
  readonly up: boolean;
  readonly [fact: string]: unknown;
}

/**
 * Where rows are kept. Every method is bounded in time, rejects with ERR_LIMPET_STORE when it cannot say what is
 * stored, and never answers "no such row" in place of an error. A promise that resolved after a write means: stored.
 */
export interface Backend {
  /** The live row, or undefined when there is none or it has expired. */
  read(sid: string): Promise<Row | undefined>;
  /** The row as last seen, however old: only for `onStoreDown: 'stale'`. */
  lastKnown?(sid: string): Row | undefined;
  /** Stores the row, whatever was there. */
  create(sid: string, raw: string, ttlMs: number): Promise<void>;
  /** Stores `raw` only where a live row is: the row `known`, or any row when `known` is undefined. */
  replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced>;
  /** Sets the remaining life of a live row; false when there is none. */
  touch(sid: string, ttlMs: number): Promise<boolean>;
  /** Removes the row, if there is one. */
  remove(sid: string): Promise<void>;
  /** The sids of live rows, in batches, each at least once. */
  list(): AsyncIterable<string[]>;
  /** Asks for `changed(sid)` until `unfollow`. */
  follow(sid: string): void;
  unfollow(sid: string): void;
  listen(listener: BackendListener): void;
  status(): BackendStatus;
  /** Ends connections and timers that the backend made itself. Idempotent. */
  close(): Promise<void>;
}

/** The error of a store that does not answer: what `onStoreDown` is about. */
export function storeAway(
  message: string,
  facts: Record<string, unknown> = {},
  cause?: unknown,
): LimpetError {
  return new LimpetError('ERR_LIMPET_STORE', message, { ...facts, away: true }, cause);
}

export function isStoreAway(error: unknown): boolean {
  return error instanceof LimpetError && error.code === 'ERR_LIMPET_STORE' && error.facts.away === true;
}

/** The error of a store that answered, and refused. */
export function storeRefused(
  message: string,
  facts: Record<string, unknown> = {},
  cause?: unknown,
): LimpetError {
  return new LimpetError('ERR_LIMPET_STORE', message, facts, cause);
}

export function storeClosed(): LimpetError {
  return new LimpetError('ERR_LIMPET_CLOSED', 'The session store is closed: make a new one to go on.');
}
