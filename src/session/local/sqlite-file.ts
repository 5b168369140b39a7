/** The SQLite file of sessions: opened and checked, and SQLite's errors as limpet's. */
import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { LimpetError } from '../../errors.js';
import { storeFull, storeRefused } from '../core/store-errors.js';

/** The part of node:sqlite that limpet uses. Node 20 does not have node:sqlite, and `@types/node` may lack its types. */
export interface Statement {
  get(...values: (string | number)[]): Record<string, unknown> | undefined;
  all(...values: (string | number)[]): Record<string, unknown>[];
  run(...values: (string | number)[]): { changes: number | bigint };
}
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}
export interface SqliteModule {
  DatabaseSync: new (path: string) => Database;
}

/** Returns node:sqlite, or undefined if this Node does not have it. */
export function nodeSqlite(): SqliteModule | undefined {
  return process.getBuiltinModule?.('node:sqlite' as never) as SqliteModule | undefined;
}

const pageBytes = 4096;
/** "LMPT": marks the file as limpet's. */
const applicationId = 0x4c4d5054;
const layoutVersion = 1;
/** A larger file is not checked whole when it is opened, because that would delay the start. SQLite checks each page that it reads. */
const checkedBytesMax = 64 * 1024 * 1024;

/**
 * Opens the session file, and makes it if it does not exist. Its mode is set to 0600, its size is bounded by `bytesMax`. Throws
 * ERR_LIMPET_STORE if the file is damaged, is another database, cannot be written, or is on a file system without shared memory. The
 * file is then left as it is.
 */
export function openSessionFile(sqlite: SqliteModule, path: string, bytesMax: number): Database {
  return withStoreErrors(path, bytesMax, () => {
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const database = new sqlite.DatabaseSync(path);
    try {
      prepareFile(database, path, bytesMax);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

/** Runs `action`. Throws ERR_LIMPET_STORE in place of an error of SQLite. */
export function withStoreErrors<T>(path: string, bytesMax: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof LimpetError) throw error;
    const { errcode } = error as { errcode?: number };
    const problem = errcode === undefined ? undefined : problems.get(errcode & 0xff);
    if (problem === 'full') throw storeFull(bytesMax, error);
    throw storeRefused(
      `The session file ${path} ${problem ?? 'cannot be used'}: ${(error as Error).message}. It was left as it is. Mend it, or give LocalStore another path.`,
      { path, errcode },
      error,
    );
  }
}

/** Whether an error of {@link withStoreErrors} says that `bytesMax` is reached. */
export function isFull(error: unknown): boolean {
  return (error as { cause?: { errcode?: number } }).cause?.errcode === sqliteFull;
}

const sqliteFull = 13;

/** By SQLite's primary result code (https://sqlite.org/rescode.html). */
const problems = new Map([
  [5, 'is locked by another process'],
  [8, 'cannot be written'],
  [10, 'cannot be read or written'],
  [11, 'is damaged'],
  [sqliteFull, 'full'],
  [14, 'cannot be opened'],
  [26, 'is not a SQLite database'],
]);

function prepareFile(database: Database, path: string, bytesMax: number): void {
  const pragma = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  database.exec('PRAGMA busy_timeout = 1000');
  const id = pragma('application_id');
  const tables = Number(Object.values(database.prepare('SELECT count(*) FROM sqlite_schema').get() ?? {})[0]);
  if (tables > 0 && (id !== applicationId || pragma('user_version') !== layoutVersion)) {
    throw storeRefused(
      `The file ${path} is the database of another program, or of a later version of limpet. Give LocalStore another path.`,
      { path },
    );
  }
  if (statSync(path).size <= checkedBytesMax) {
    const verdict = pragma('quick_check(1)');
    if (verdict !== 'ok')
      throw storeRefused(
        `The session file ${path} is damaged: ${verdict}. It was left as it is. Restore it, or move it away to begin with an empty one.`,
        { path },
      );
  }
  if (pragma('journal_mode = WAL') !== 'wal') {
    throw storeRefused(
      `The session file ${path} is on a file system where processes cannot share memory. Give LocalStore a path on a local disk.`,
      { path },
    );
  }
  database.exec('PRAGMA synchronous = NORMAL');
  database.exec(`PRAGMA max_page_count = ${Math.max(16, Math.floor(bytesMax / pageBytes))}`);
  database.exec(`BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS sessions (sid TEXT PRIMARY KEY, raw TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires_at);
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${layoutVersion};
    COMMIT`);
}
