import { check, integer, oneOf } from '../../checks.js';
import { LimpetError } from '../../errors.js';
import type { OnStoreDown } from '../core/rows.js';
import { SessionStore, type StoreOptions, storeRules } from '../core/store.js';
import type { RedisClient } from './ioredis.js';
import { RedisBackend } from './redis-backend.js';

/** Options of a RedisStore. */
export interface RedisStoreOptions extends StoreOptions {
  /**
   * An ioredis (5 or 6) `Redis`, with or without Sentinel, or `Cluster`. The store takes its address, credentials,
   * TLS and `keyPrefix`, makes connections of its own, and leaves this one alone.
   */
  client: RedisClient;
  /** Before every sid in a key, after the client's own `keyPrefix`. A Cluster hash tag is fine. Default 'sess:'. */
  prefix?: string;
  /** Longest time that any call to the store waits for Redis, in milliseconds. Default 1,000. */
  commandTimeoutMs?: number;
  /**
   * What a read gives while Redis is away. 'error' (default): ERR_LIMPET_STORE; 'stale': the session as this process
   * last saw it, and an error for one it has not seen; 'anonymous': an empty session under the same sid. A write is
   * an error in all three.
   */
  onStoreDown?: OnStoreDown;
  /**
   * Bounds of the near cache, or false for none. Default: 10,000 entries, 16 MiB; `staleMs`, 40: no read gives a row
   * that was replaced or destroyed longer ago than that, in milliseconds. Keep it above the time to Redis and back.
   */
  nearCache?: false | { entries?: number; bytes?: number; staleMs?: number };
  /** A write is confirmed when so many replicas have it (WAIT): what is confirmed then survives a failover. Default 0. */
  replicas?: number;
}

const rules = {
  ...storeRules,
  client: {
    expected: 'an ioredis Redis or Cluster (connect with ioredis; node-redis clients are not taken)',
    ok: (v: unknown) =>
      typeof (v as RedisClient | null)?.duplicate === 'function' &&
      typeof (v as { call?: unknown }).call === 'function' &&
      typeof (v as RedisClient).options === 'object',
  },
  prefix: { expected: 'a text', ok: (v: unknown) => typeof v === 'string', fallback: 'sess:' },
  commandTimeoutMs: integer(10, 600_000, 1000, ' (milliseconds)'),
  onStoreDown: oneOf(['error', 'stale', 'anonymous'], 'error'),
  nearCache: {
    expected: 'false, or an object with entries, bytes or staleMs, each a whole number above 0',
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
 * Sessions in Redis, wire-compatible with connect-redis in both directions, and near as fast as memory.
 *
 * Makes two connections to the server (to each master of a Cluster, and ioredis's Cluster beside them). Throws
 * ERR_LIMPET_OPTION. `close()` ends the connections; the client stays the application's.
 */
export class RedisStore extends SessionStore {
  /** Connects in the background: the first call waits for it, no longer than `commandTimeoutMs`. */
  constructor(options: RedisStoreOptions) {
    const checked = check(
      { ...options },
      rules,
      'RedisStore option',
    ) as unknown as Required<RedisStoreOptions>;
    if (checked.client === undefined) {
      throw new LimpetError(
        'ERR_LIMPET_OPTION',
        'RedisStore needs a client, got none. Give new RedisStore({ client: new Redis() }).',
        {
          option: 'client',
        },
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
