/**
 * What the parts of a worker count for the router's metrics. The worker tells it with each sign of life; the primary adds
 * it up, slot by slot.
 */
export interface SessionCacheCounts {
  /** Reads that the cache answered. */
  hits: number;
  /** Reads that had to ask the server. */
  misses: number;
  /** Times that the server said that a session, or every one, had changed. */
  invalidations: number;
}

/** Of all session stores of this process. */
export const sessionCache: SessionCacheCounts = { hits: 0, misses: 0, invalidations: 0 };
