import cluster from 'node:cluster';
import { dirname, join, resolve } from 'node:path';
import { LimpetError } from '../errors.js';
import { check, integer, oneOf } from '../options.js';
import { MemoryBackend } from './memory-backend.js';
import { PrimaryMemoryBackend } from './primary-memory.js';
import { nodeSqlite, SqliteBackend } from './sqlite-backend.js';
import { sessionDirectory, stateDirectory } from './state-directory.js';
import { SessionStore, storeRules } from './store.js';
const rules = {
    ...storeRules,
    in: oneOf(['auto', 'sqlite', 'memory'], 'auto'),
    path: { expected: 'a text that is not empty', ok: (v) => typeof v === 'string' && v !== '' },
    bytesMax: integer(65_536, 2 ** 40, 0, ' (bytes)'),
    commandTimeoutMs: integer(10, 600_000, 1000, ' (milliseconds)'),
};
/**
 * Sessions on this machine, shared by all workers, with nothing to install. Throws ERR_LIMPET_OPTION, and
 * ERR_LIMPET_STORE when the file cannot be used: it is never passed over for an empty one.
 */
export class LocalStore extends SessionStore {
    constructor(options = {}) {
        const checked = check({ ...options }, rules, 'LocalStore option');
        super(backendFor(checked), checked);
    }
}
function backendFor({ in: where, path, bytesMax, commandTimeoutMs }) {
    const sqlite = where === 'memory' ? undefined : nodeSqlite();
    if (sqlite) {
        const file = resolve(path ?? join(stateDirectory(), 'sessions.sqlite'));
        sessionDirectory(dirname(file), path === undefined);
        return new SqliteBackend(sqlite, file, bytesMax || 256 * 1024 * 1024);
    }
    if (where === 'sqlite' || (path && where === 'auto')) {
        throw new LimpetError('ERR_LIMPET_OPTION', `option in: 'sqlite' needs Node 22.13 or later, this is ${process.version}. Leave path out and take 'memory', or move to Redis.`, { option: 'in', version: process.version });
    }
    if (cluster.isWorker)
        return new PrimaryMemoryBackend(commandTimeoutMs);
    return new MemoryBackend(bytesMax || 64 * 1024 * 1024);
}
