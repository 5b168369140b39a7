import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { LimpetError } from '../../errors.js';
import {
  type Backend,
  type BackendListener,
  type BackendStatus,
  type Replaced,
  type Row,
  storeClosed,
  storeRefused,
} from '../core/backend.js';
import { storeFull } from './memory-backend.js';

/** The part of node:sqlite that is used. Node 20 does not have it, and @types/node may not either. */
interface Statement {
  get(...values: (string | number)[]): Record<string, unknown> | undefined;
  all(...values: (string | number)[]): Record<string, unknown>[];
  run(...values: (string | number)[]): { changes: number | bigint };
}
interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}
interface SqliteModule {
  DatabaseSync: new (path: string) => Database;
}

/** Node's own SQLite, or undefined where this Node has none. */
export function nodeSqlite(): SqliteModule | undefined {
  return process.getBuiltinModule?.('node:sqlite' as never) as SqliteModule | undefined;
}

const pageBytes = 4096;
const sweepMs = 30_000;
const sweepRows = 1000;
/** How soon a watch hears of another process's change. */
const lookMs = 100;
/** "LMPT": tells limpet's own file from any other database. */
const applicationId = 0x4c4d5054;
const layout = 1;
/** Larger files are checked as they are read: a whole check would hold up the start. */
const checkedBytesMax = 64 * 1024 * 1024;

type Statements = Record<
  'read' | 'create' | 'replace' | 'overwrite' | 'touch' | 'remove' | 'list' | 'sweep' | 'version',
  Statement
>;

/**
 * Rows in a SQLite file that the processes of one machine share (WAL: readers never wait, an acknowledged write
 * survives SIGKILL of everything). The file has mode 0600. Its size is bounded by `bytesMax`; see {@link storeFull}.
 */
export class SqliteBackend implements Backend {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #db: Database;
  readonly #sql: Statements;
  readonly #followed = new Set<string>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #inode: number;
  #looker: NodeJS.Timeout | undefined;
  #version: unknown;
  #listener: BackendListener | undefined;
  #fault: LimpetError | undefined;
  #closed = false;

  /** Throws ERR_LIMPET_STORE when the file is damaged, is another database, or cannot be written. */
  constructor(sqlite: SqliteModule, path: string, bytesMax: number) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#db = this.#told(() => {
      closeSync(openSync(path, 'a', 0o600));
      chmodSync(path, 0o600);
      const db = new sqlite.DatabaseSync(path);
      try {
        prepareFile(db, path, bytesMax);
      } catch (error) {
        db.close();
        throw error;
      }
      return db;
    });
    const db = this.#db;
    this.#sql = {
      read: db.prepare('SELECT raw, expires_at FROM sessions WHERE sid = ? AND expires_at > ?'),
      create: db.prepare(
        'INSERT INTO sessions (sid, raw, expires_at) VALUES (?, ?, ?) ON CONFLICT (sid) DO UPDATE SET raw = excluded.raw, expires_at = excluded.expires_at',
      ),
      replace: db.prepare(
        'UPDATE sessions SET raw = ?, expires_at = ? WHERE sid = ? AND expires_at > ? AND raw = ?',
      ),
      overwrite: db.prepare('UPDATE sessions SET raw = ?, expires_at = ? WHERE sid = ? AND expires_at > ?'),
      touch: db.prepare('UPDATE sessions SET expires_at = ? WHERE sid = ? AND expires_at > ?'),
      remove: db.prepare('DELETE FROM sessions WHERE sid = ?'),
      list: db.prepare('SELECT sid FROM sessions WHERE expires_at > ? AND sid > ? ORDER BY sid LIMIT 500'),
      sweep: db.prepare(
        `DELETE FROM sessions WHERE sid IN (SELECT sid FROM sessions WHERE expires_at <= ? LIMIT ${sweepRows})`,
      ),
      version: db.prepare('PRAGMA data_version'),
    };
    this.#inode = statSync(path).ino;
    this.#sweeper = setInterval(() => void this.#sweep(), sweepMs);
    this.#sweeper.unref();
  }

  async read(sid: string): Promise<Row | undefined> {
    return this.#run(({ read }) => rowOf(read.get(sid, Date.now())));
  }

  async create(sid: string, raw: string, ttlMs: number): Promise<void> {
    this.#write(({ create }) => create.run(sid, raw, Date.now() + ttlMs));
  }

  async replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    const now = Date.now();
    const changes = this.#write(({ replace, overwrite }) =>
      known === undefined
        ? overwrite.run(raw, now + ttlMs, sid, now)
        : replace.run(raw, now + ttlMs, sid, now, known),
    );
    if (changes > 0) return 'stored';
    return (await this.read(sid)) ?? 'gone';
  }

  async touch(sid: string, ttlMs: number): Promise<boolean> {
    const now = Date.now();
    return this.#write(({ touch }) => touch.run(now + ttlMs, sid, now)) > 0;
  }

  async remove(sid: string): Promise<void> {
    this.#write(({ remove }) => remove.run(sid));
  }

  async *list(): AsyncGenerator<string[]> {
    for (let last = ''; ; ) {
      const sids = this.#run(({ list }) => list.all(Date.now(), last)).map(({ sid }) => String(sid));
      const end = sids.at(-1);
      if (end === undefined) return;
      yield sids;
      last = end;
    }
  }

  follow(sid: string): void {
    this.#followed.add(sid);
    this.#looker ??= setInterval(() => this.#look(), lookMs).unref();
  }

  unfollow(sid: string): void {
    this.#followed.delete(sid);
    if (this.#followed.size > 0) return;
    clearInterval(this.#looker);
    this.#looker = undefined;
  }

  listen(listener: BackendListener): void {
    this.#listener = listener;
  }

  status(): BackendStatus {
    return {
      kind: 'sqlite',
      up: !this.#closed && !this.#fault,
      path: this.#path,
      bytesMax: this.#bytesMax,
      reason: this.#fault?.message,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    clearInterval(this.#looker);
    this.#db.close();
  }

  #run<T>(action: (sql: Statements) => T): T {
    if (this.#closed) throw storeClosed();
    if (this.#fault) throw this.#fault;
    return this.#told(() => action(this.#sql));
  }

  #write(action: (sql: Statements) => { changes: number | bigint }): number {
    try {
      return Number(this.#run(action).changes);
    } catch (error) {
      if (!isFull(error) || Number(this.#run(({ sweep }) => sweep.run(Date.now()).changes)) === 0)
        throw error;
      return Number(this.#run(action).changes);
    }
  }

  /** SQLite's errors, in limpet's words. */
  #told<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof LimpetError) throw error;
      const { errcode } = error as { errcode?: number };
      const problem = errcode === undefined ? undefined : problems.get(errcode & 0xff);
      if (problem === 'full') throw storeFull(this.#bytesMax, error);
      throw storeRefused(
        `The session file ${this.#path} ${problem ?? 'cannot be used'}: ${(error as Error).message}. It was left as it is.`,
        { path: this.#path, errcode },
        error,
      );
    }
  }

  /** Other processes' commits change the version that this connection sees. */
  #look(): void {
    try {
      const version = this.#run((sql) => sql.version.get()?.data_version);
      if (this.#version !== undefined && version !== this.#version) this.#listener?.changed();
      this.#version = version;
    } catch {
      // The next call that matters will say so.
    }
  }

  async #sweep(): Promise<void> {
    try {
      if (statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode) {
        this.#fault = storeRefused(
          `The session file ${this.#path} was removed or replaced under the running store. Restart its processes.`,
          { path: this.#path },
        );
        this.#listener?.down(this.#fault.message);
        return;
      }
      while (!this.#closed && Number(this.#run(({ sweep }) => sweep.run(Date.now()).changes)) === sweepRows)
        await turn();
    } catch {
      // Expired rows are never read; they only wait for the next sweep.
    }
  }
}

const problems = new Map([
  [5, 'is locked by another process'],
  [8, 'cannot be written'],
  [10, 'cannot be read or written'],
  [11, 'is damaged'],
  [13, 'full'],
  [14, 'cannot be opened'],
  [26, 'is no SQLite database'],
]);

function isFull(error: unknown): boolean {
  return (error as { cause?: { errcode?: number } }).cause?.errcode === 13;
}

function rowOf(row: Record<string, unknown> | undefined): Row | undefined {
  return row && { raw: String(row.raw), expiresAt: Number(row.expires_at) };
}

function prepareFile(db: Database, path: string, bytesMax: number): void {
  const pragma = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  db.exec('PRAGMA busy_timeout = 1000');
  const id = pragma('application_id');
  const tables = Number(Object.values(db.prepare('SELECT count(*) FROM sqlite_schema').get() ?? {})[0]);
  if (tables > 0 && (id !== applicationId || pragma('user_version') !== layout)) {
    throw storeRefused(
      `The file ${path} is a database of something else, or of a later limpet. Give LocalStore another path.`,
      { path },
    );
  }
  if (statSync(path).size <= checkedBytesMax) {
    const verdict = pragma('quick_check(1)');
    if (verdict !== 'ok')
      throw storeRefused(
        `The session file ${path} is damaged: ${verdict}. It was left as it is: restore it, or move it away to begin anew.`,
        { path },
      );
  }
  if (pragma('journal_mode = WAL') !== 'wal') {
    throw storeRefused(
      `The session file ${path} is on a file system that cannot share memory between processes. Give LocalStore a path on a local disk.`,
      { path },
    );
  }
  db.exec('PRAGMA synchronous = NORMAL');
  db.exec(`PRAGMA max_page_count = ${Math.max(16, Math.floor(bytesMax / pageBytes))}`);
  db.exec(`BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS sessions (sid TEXT PRIMARY KEY, raw TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires_at);
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${layout};
    COMMIT`);
}
