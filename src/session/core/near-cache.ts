import { LRUCache } from 'lru-cache';
import { sessionCache } from '../../metrics.js';
import type { Row } from './backend.js';

/** One unbroken period of server-side tracking. A row cached in another period is not trusted. */
export type TrackingPeriod = object;

export interface NearCacheCounters {
  hits: number;
  misses: number;
  invalidations: number;
  entries: number;
  bytes: number;
}

interface Entry {
  readonly row: Row;
  readonly period: TrackingPeriod;
}

interface Flight {
  count: number;
  version: number;
}

/** The period of rows read while nothing was tracked: kept as last known, never trusted. */
const untracked: TrackingPeriod = {};

/** Rough cost of an entry beside its text: key, entry, list links. */
const entryBytes = 200;

/**
 * Rows as the server last told them, bounded in entries and in bytes, least recently used out first.
 *
 * A row may be cached only between `begin` and `end` of the command that brought it: if its key was invalidated in
 * the meantime, `end` leaves it out, because the server has already told what it will not tell again.
 */
export class NearCache {
  readonly #rows: LRUCache<string, Entry>;
  readonly #flights = new Map<string, Flight>();
  readonly #rowBytesMax: number;
  readonly #keepsUntracked: boolean;
  #hits = 0;
  #misses = 0;
  #invalidations = 0;

  /** `keepUntracked`: rows read outside of any period are kept too, for `lastKnown`. */
  constructor(bounds: { entries: number; bytes: number }, keepUntracked: boolean) {
    this.#keepsUntracked = keepUntracked;
    this.#rowBytesMax = Math.floor(bounds.bytes / 4);
    this.#rows = new LRUCache({
      max: bounds.entries,
      maxSize: bounds.bytes,
      sizeCalculation: ({ row }, key) => row.raw.length * 2 + key.length * 2 + entryBytes,
    });
  }

  /** The live row cached in this very period. */
  get(key: string, period: TrackingPeriod): Row | undefined {
    const entry = this.#rows.get(key);
    if (entry && entry.period === period && entry.row.expiresAt > Date.now()) {
      this.#hits++;
      sessionCache.hits++;
      return entry.row;
    }
    return undefined;
  }

  /** A read had to ask the server. */
  missed(): void {
    this.#misses++;
    sessionCache.misses++;
  }

  /** The row of any period (or of one), as long as no one has said that it changed. Not counted as a read. */
  lastKnown(key: string, period?: TrackingPeriod): Row | undefined {
    const entry = this.#rows.peek(key);
    if (!entry || entry.row.expiresAt <= Date.now()) return undefined;
    return period && entry.period !== period ? undefined : entry.row;
  }

  /** Marks a command on `key` as sent; the answer must be given to `end` with the version returned here. */
  begin(key: string): number {
    const flight = this.#flights.get(key);
    if (flight) {
      flight.count++;
      return flight.version;
    }
    this.#flights.set(key, { count: 1, version: 0 });
    return 0;
  }

  /**
   * The command that was sent in `period` is answered: caches `row` (undefined: there is none), unless the key was
   * invalidated since `begin`.
   */
  end(key: string, version: number, period: TrackingPeriod | undefined, row: Row | undefined): void {
    const flight = this.#flights.get(key);
    if (!flight) return;
    const clean = flight.version === version;
    if (--flight.count === 0) this.#flights.delete(key);
    if (!clean) return;
    const kept = row && (period || this.#keepsUntracked) && row.raw.length * 2 <= this.#rowBytesMax;
    if (kept) this.#rows.set(key, { row, period: period ?? untracked });
    else this.#rows.delete(key);
  }

  /** A write of `key` is about to be sent: answers to what was sent before it are older than what it will leave. */
  overtake(key: string): void {
    const flight = this.#flights.get(key);
    if (flight) flight.version++;
  }

  /** Nothing known of `key` holds any more, nothing in flight may be cached. */
  forget(key: string): void {
    this.#rows.delete(key);
    this.overtake(key);
  }

  /** The server says that `key` changed. */
  invalidate(key: string): void {
    this.#invalidations++;
    sessionCache.invalidations++;
    this.forget(key);
  }

  /** The server says that everything may have changed. */
  invalidateAll(): void {
    this.#invalidations++;
    sessionCache.invalidations++;
    this.#rows.clear();
    for (const flight of this.#flights.values()) flight.version++;
  }

  get counters(): NearCacheCounters {
    return {
      hits: this.#hits,
      misses: this.#misses,
      invalidations: this.#invalidations,
      entries: this.#rows.size,
      bytes: this.#rows.calculatedSize,
    };
  }
}
