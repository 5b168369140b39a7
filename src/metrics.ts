/** Counts of the session caches of a worker. Each heartbeat carries the counts to the primary, which adds them up for each slot. */
export interface SessionCacheCounts {
  /** Reads that the near cache answered. */
  hits: number;
  /** Reads that went to the server. */
  misses: number;
  /** Messages from the server that one session, or every session, has changed. */
  invalidations: number;
}

/** The counts of all session stores of this process. */
export const sessionCache: SessionCacheCounts = { hits: 0, misses: 0, invalidations: 0 };
