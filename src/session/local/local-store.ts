import cluster from 'node:cluster';
import { dirname, join, resolve } from 'node:path';
import { check, integer, oneOf } from '../../checks.js';
import { LimpetError } from '../../errors.js';
import type { Backend } from '../core/backend.js';
import { SessionStore } from '../core/store.js';
import { type StoreOptions, storeRules } from '../core/store-options.js';
import { MemoryBackend } from './memory-backend.js';
import { PrimaryMemoryBackend } from './primary-memory-backend.js';
import { SqliteBackend } from './sqlite-backend.js';
import { nodeSqlite } from './sqlite-file.js';
import { sessionDirectory, stateDirectory } from './state-directory.js';

/** Options of a LocalStore. */
export interface LocalStoreOptions extends StoreOptions {
  /**
   * 'sqlite': a file that all processes of the machine share and that outlives them. 'memory': the memory of the primary, or of this
   * process if it has no primary; the sessions end with it. 'auto' (default): sqlite if this Node has it (22.13 and later), otherwise
   * memory.
   */
  in?: 'auto' | 'sqlite' | 'memory';
  /** The SQLite file. Default: sessions.sqlite in the state directory of this application, see docs/sessions.md. */
  path?: string;
  /**
   * Most bytes that sessions may take: 65,536 to 2^40. When live sessions take them all, new sessions and longer ones are refused with
   * ERR_LIMPET_STORE. Default 256 MiB in sqlite, 64 MiB in memory. In the primary's memory, the bound of
   * serveSessionMemory() holds instead.
   */
  bytesMax?: number;
  /** Longest time that a call waits for the primary, in milliseconds: 10 to 600,000. Default 1,000. */
  commandTimeoutMs?: number;
}

const rules = {
  ...storeRules,
  in: oneOf(['auto', 'sqlite', 'memory'], 'auto'),
  path: { expected: 'a text that is not empty', ok: (v: unknown) => typeof v === 'string' && v !== '' },
  bytesMax: integer(65_536, 2 ** 40, 0, ' (bytes)'),
  commandTimeoutMs: integer(10, 600_000, 1000, ' (milliseconds)'),
};

/** Sessions on this machine, shared by all workers, with nothing to install. */
export class LocalStore extends SessionStore {
  /**
   * Opens the SQLite file. In memory, the first call asks the primary.
   *
   * Throws ERR_LIMPET_OPTION. Throws ERR_LIMPET_STORE if the file cannot be used: the store never begins with an empty one instead.
   */
  constructor(options: LocalStoreOptions = {}) {
    const checked = check(
      { ...options },
      rules,
      'LocalStore option',
    ) as unknown as Required<LocalStoreOptions>;
    super(backendFor(checked), checked);
  }
}

function backendFor({ in: kind, path, bytesMax, commandTimeoutMs }: Required<LocalStoreOptions>): Backend {
  const sqlite = kind === 'memory' ? undefined : nodeSqlite();
  if (sqlite) {
    const file = resolve(path ?? join(stateDirectory(), 'sessions.sqlite'));
    sessionDirectory(dirname(file), path === undefined);
    return new SqliteBackend(sqlite, file, bytesMax || 256 * 1024 * 1024);
  }
  if (kind === 'sqlite' || (path && kind === 'auto')) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `LocalStore in SQLite (option in: 'sqlite', or path) needs Node 22.13 or later, this is ${process.version}. Leave path out and use in: 'memory', or move to Redis.`,
      { option: 'in', version: process.version },
    );
  }
  if (cluster.isWorker) return new PrimaryMemoryBackend(commandTimeoutMs);
  return new MemoryBackend(bytesMax || 64 * 1024 * 1024);
}
