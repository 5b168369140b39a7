import { LRUCache } from 'lru-cache';
import { sessionCache } from '../../metrics.js';
import type { Row } from './backend.js';

/**
 * One unbroken period in which the server tracks the keys of a connection. An object without members: only its identity counts. The
 * cache does not trust a row from another period.
 */
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

/** The commands in flight on one key. */
interface Flight {
  count: number;
  /** Incremented when the key changes. An answer to a command that began at a lower version is not cached. */
  version: number;
}

/** Period of the rows that were read without tracking. They serve `lastKnown` and are never trusted. */
const untracked: TrackingPeriod = {};

/** Approximate cost in bytes of an entry without its text and key. */
const entryBytes = 200;

/**
 * The near cache: rows as the server last sent them, bounded in entries and in bytes. The least recently used row is dropped first.
 *
 * Call `begin` before each command on a key and `end` with its answer. `end` does not cache a row whose key was invalidated in
 * between, because the server sends only one invalidation for each read.
 */
export class NearCache {
  readonly #rows: LRUCache<string, Entry>;
  readonly #flights = new Map<string, Flight>();
  readonly #rowBytesMax: number;
  readonly #keepsUntracked: boolean;
  #hits = 0;
  #misses = 0;
  #invalidations = 0;

  /** With `keepsUntracked`, rows that were read without tracking are kept too, for `lastKnown`. */
  constructor(bounds: { entries: number; bytes: number }, keepsUntracked: boolean) {
    this.#keepsUntracked = keepsUntracked;
    this.#rowBytesMax = Math.floor(bounds.bytes / 4);
    this.#rows = new LRUCache({
      max: bounds.entries,
      maxSize: bounds.bytes,
      sizeCalculation: ({ row }, key) => row.raw.length * 2 + key.length * 2 + entryBytes,
    });
  }

  /** Returns the live row that was cached in `period`. */
  get(key: string, period: TrackingPeriod): Row | undefined {
    const entry = this.#rows.get(key);
    if (entry && entry.period === period && entry.row.expiresAt > Date.now()) {
      this.#hits++;
      sessionCache.hits++;
      return entry.row;
    }
    return undefined;
  }

  /** Counts a read that goes to the server. */
  missed(): void {
    this.#misses++;
    sessionCache.misses++;
  }

  /** Returns the live row of `period`, or of any period, that no invalidation has removed. Not counted as a hit. */
  lastKnown(key: string, period?: TrackingPeriod): Row | undefined {
    const entry = this.#rows.peek(key);
    if (!entry || entry.row.expiresAt <= Date.now()) return undefined;
    return period && entry.period !== period ? undefined : entry.row;
  }

  /** Call before a command on `key` is sent. Returns the version that `end` needs. */
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
   * Call when the command that was sent in `period` has its answer. Caches `row`, or removes the entry when `row` is undefined. Does
   * neither when the key has changed since `begin`.
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

  /** Call before a write of `key` is sent. Answers to commands that were sent earlier are not cached: they are older than the write. */
  overtake(key: string): void {
    const flight = this.#flights.get(key);
    if (flight) flight.version++;
  }

  /** Removes the entry of `key`. Answers that are still in flight are not cached. */
  forget(key: string): void {
    this.#rows.delete(key);
    this.overtake(key);
  }

  /** The server has sent an invalidation of `key`. */
  invalidate(key: string): void {
    this.#invalidations++;
    sessionCache.invalidations++;
    this.forget(key);
  }

  /** The server has invalidated all keys. */
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
