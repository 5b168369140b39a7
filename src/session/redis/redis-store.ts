import { check, integer, oneOf } from '../../checks.js';
import { LimpetError } from '../../errors.js';
import type { OnStoreDown } from '../core/rows.js';
import { SessionStore } from '../core/store.js';
import { type StoreOptions, storeRules } from '../core/store-options.js';
import type { RedisClient } from './ioredis.js';
import { RedisBackend } from './redis-backend.js';

/** Options of a RedisStore. */
export interface RedisStoreOptions extends StoreOptions {
  /**
   * An ioredis (5 or 6) `Redis`, with or without Sentinel, or `Cluster`. The store opens connections of its own with the client's
   * address, credentials, TLS options and `keyPrefix`. The store does not use the client's own connection, and does not close it.
   */
  client: RedisClient;
  /** Stands before every sid in a key, after the client's own `keyPrefix`. May contain a Cluster hash tag. Default 'sess:'. */
  prefix?: string;
  /** Longest time that a call to the store waits for Redis, in milliseconds: 10 to 600,000. Default 1,000. */
  commandTimeoutMs?: number;
  /**
   * Result of a read while Redis does not answer. 'error' (default): it rejects with ERR_LIMPET_STORE. 'stale': the session as this
   * process last saw it, or an error for a session that it has not seen. 'anonymous': an empty session under the same sid. In all
   * three cases, a write rejects with ERR_LIMPET_STORE.
   */
  onStoreDown?: OnStoreDown;
  /**
   * Bounds of the near cache, or false for no near cache. `entries`: default 10,000. `bytes`: default 16 MiB. `staleMs`: default 40.
   * No read returns a row that was replaced or destroyed more than `staleMs` milliseconds ago. `staleMs` must be greater than the
   * round-trip time to Redis, otherwise the near cache never answers.
   */
  nearCache?: false | { entries?: number; bytes?: number; staleMs?: number };
  /**
   * Number of replicas that must have a write before it succeeds (Redis WAIT): 0 to 100. With 1 or more, a failover loses no write
   * that has succeeded. Default 0.
   */
  replicas?: number;
}

const rules = {
  ...storeRules,
  client: {
    expected: 'an ioredis Redis or Cluster (limpet does not take node-redis clients)',
    ok: (v: unknown) =>
      typeof (v as RedisClient | null)?.duplicate === 'function' &&
      typeof (v as { call?: unknown }).call === 'function' &&
      typeof (v as RedisClient).options === 'object',
  },
  prefix: { expected: 'a text', ok: (v: unknown) => typeof v === 'string', fallback: 'sess:' },
  commandTimeoutMs: integer(10, 600_000, 1000, ' (milliseconds)'),
  onStoreDown: oneOf(['error', 'stale', 'anonymous'], 'error'),
  nearCache: {
    expected: 'false, or an object with entries, bytes or staleMs, each of them a whole number above 0',
    ok: (v: unknown) =>
      v === false ||
      (typeof v === 'object' &&
        v !== null &&
        Object.entries(v).every(
          ([name, n]) =>
            ['entries', 'bytes', 'staleMs'].includes(name) && Number.isInteger(n) && (n as number) > 0,
        )),
    fallback: {},
  },
  replicas: integer(0, 100, 0),
};

/**
 * Sessions in Redis. The rows are those of connect-redis, in both directions. A near cache in each process answers most reads.
 *
 * The store opens two connections to the server, or one without the near cache. With a Cluster, the store opens them to each master,
 * and an ioredis Cluster as well. `close()` closes all of them, and leaves the application's client open.
 */
export class RedisStore extends SessionStore {
  /**
   * Connects in the background. The first call waits for the connection, at most for `commandTimeoutMs`. Throws ERR_LIMPET_OPTION.
   */
  constructor(options: RedisStoreOptions) {
    const checked = check(
      { ...options },
      rules,
      'RedisStore option',
    ) as unknown as Required<RedisStoreOptions>;
    if (checked.client === undefined) {
      throw new LimpetError(
        'ERR_LIMPET_OPTION',
        'RedisStore option client is missing. Expected an ioredis Redis or Cluster: new RedisStore({ client: new Redis() }).',
        { option: 'client' },
      );
    }
    const nearCache = checked.nearCache && {
      entries: 10_000,
      bytes: 16 * 1024 * 1024,
      staleMs: 40,
      ...checked.nearCache,
    };
    super(
      new RedisBackend({
        client: checked.client,
        prefix: checked.prefix,
        commandTimeoutMs: checked.commandTimeoutMs,
        replicas: checked.replicas,
        nearCache,
        keepLastKnown: checked.onStoreDown === 'stale',
      }),
      checked,
    );
  }
}
