import cluster from 'node:cluster';
import { dirname, join, resolve } from 'node:path';
import { check, integer, oneOf } from '../../checks.js';
import { LimpetError } from '../../errors.js';
import type { Backend } from '../core/backend.js';
import { SessionStore, type StoreOptions, storeRules } from '../core/store.js';
import { MemoryBackend } from './memory-backend.js';
import { PrimaryMemoryBackend } from './primary-memory.js';
import { nodeSqlite, SqliteBackend } from './sqlite-backend.js';
import { sessionDirectory, stateDirectory } from './state-directory.js';

/** Options of a LocalStore. */
export interface LocalStoreOptions extends StoreOptions {
  /**
   * 'sqlite': a file that all processes of the machine share and that outlives them; 'memory': the primary's memory
   * (the process's own, where there is no primary), which ends with it; 'auto' (default): sqlite where this Node has
   * it (22.13 and later), else memory.
   */
  in?: 'auto' | 'sqlite' | 'memory';
  /** The SQLite file. Default: sessions.sqlite in this application's state directory, see docs/sessions.md. */
  path?: string;
  /**
   * Most bytes that sessions may take. When they are taken by sessions that have not expired, new and longer ones
   * are refused with ERR_LIMPET_STORE. Default 256 MiB in sqlite, 64 MiB in memory (there the primary's own bound,
   * given to serveSessionMemory, holds).
   */
  bytesMax?: number;
  /** Longest time that a call waits for the primary, in milliseconds. Default 1,000. */
  commandTimeoutMs?: number;
}

const rules = {
  ...storeRules,
  in: oneOf(['auto', 'sqlite', 'memory'], 'auto'),
  path: { expected: 'a text that is not empty', ok: (v: unknown) => typeof v === 'string' && v !== '' },
  bytesMax: integer(65_536, 2 ** 40, 0, ' (bytes)'),
  commandTimeoutMs: integer(10, 600_000, 1000, ' (milliseconds)'),
};

/**
 * Sessions on this machine, shared by all workers, with nothing to install. Throws ERR_LIMPET_OPTION, and
 * ERR_LIMPET_STORE when the file cannot be used: it is never passed over for an empty one.
 */
export class LocalStore extends SessionStore {
  /** Opens the file, or asks for the primary's memory with the first call. */
  constructor(options: LocalStoreOptions = {}) {
    const checked = check(
      { ...options },
      rules,
      'LocalStore option',
    ) as unknown as Required<LocalStoreOptions>;
    super(backendFor(checked), checked);
  }
}

function backendFor({ in: where, path, bytesMax, commandTimeoutMs }: Required<LocalStoreOptions>): Backend {
  const sqlite = where === 'memory' ? undefined : nodeSqlite();
  if (sqlite) {
    const file = resolve(path ?? join(stateDirectory(), 'sessions.sqlite'));
    sessionDirectory(dirname(file), path === undefined);
    return new SqliteBackend(sqlite, file, bytesMax || 256 * 1024 * 1024);
  }
  if (where === 'sqlite' || (path && where === 'auto')) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `option in: 'sqlite' needs Node 22.13 or later, this is ${process.version}. Leave path out and take 'memory', or move to Redis.`,
      { option: 'in', version: process.version },
    );
  }
  if (cluster.isWorker) return new PrimaryMemoryBackend(commandTimeoutMs);
  return new MemoryBackend(bytesMax || 64 * 1024 * 1024);
}
