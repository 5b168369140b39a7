import { LimpetError } from '../errors.js';
import { check, integer, oneOf } from '../options.js';
import { RedisBackend } from './redis-backend.js';
import { SessionStore, storeRules } from './store.js';
const rules = {
    ...storeRules,
    client: {
        expected: 'an ioredis Redis or Cluster (connect with ioredis; node-redis clients are not taken)',
        ok: (v) => typeof v?.duplicate === 'function' &&
            typeof v.call === 'function' &&
            typeof v.options === 'object',
    },
    prefix: { expected: 'a text', ok: (v) => typeof v === 'string', fallback: 'sess:' },
    commandTimeoutMs: integer(10, 600_000, 1000, ' (milliseconds)'),
    onStoreDown: oneOf(['error', 'stale', 'anonymous'], 'error'),
    nearCache: {
        expected: 'false, or an object with entries and bytes, each a whole number above 0',
        ok: (v) => v === false ||
            (typeof v === 'object' &&
                v !== null &&
                Object.entries(v).every(([name, n]) => ['entries', 'bytes'].includes(name) && Number.isInteger(n) && n > 0)),
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
    constructor(options) {
        const checked = check({ ...options }, rules, 'RedisStore option');
        if (checked.client === undefined) {
            throw new LimpetError('ERR_LIMPET_OPTION', 'RedisStore needs a client, got none. Give new RedisStore({ client: new Redis() }).', {
                option: 'client',
            });
        }
        const nearCache = checked.nearCache && { entries: 10_000, bytes: 16 * 1024 * 1024, ...checked.nearCache };
        super(new RedisBackend({
            client: checked.client,
            prefix: checked.prefix,
            commandTimeoutMs: checked.commandTimeoutMs,
            replicas: checked.replicas,
            nearCache,
            keepLastKnown: checked.onStoreDown === 'stale',
        }), checked);
    }
}
