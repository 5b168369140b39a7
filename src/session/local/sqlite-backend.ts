import { statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LimpetError } from '../../errors.js';
import type { Backend, BackendListener, BackendStatus, Replaced, Row } from '../core/backend.js';
import { storeClosed, storeRefused } from '../core/store-errors.js';
import {
  type Database,
  isFull,
  openSessionFile,
  type SqliteModule,
  type Statement,
  withStoreErrors,
} from './sqlite-file.js';

const sweepMs = 30_000;
/** Most rows that one DELETE removes, so that the event loop is not blocked for long. */
const sweepRows = 1000;
/** Milliseconds between two looks for changes by other processes, while a session is watched. */
const lookMs = 100;

type Statements = Record<
  'read' | 'create' | 'replace' | 'overwrite' | 'touch' | 'remove' | 'list' | 'sweep' | 'version',
  Statement
>;

/**
 * Rows in a SQLite file that the processes of one machine share. In WAL mode, readers never wait, and a confirmed write survives
 * SIGKILL of all processes. The file has mode 0600. `bytesMax` bounds its size: a full file refuses new rows.
 */
export class SqliteBackend implements Backend {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #database: Database;
  readonly #sql: Statements;
  readonly #followed = new Set<string>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #inode: number;
  #looker: NodeJS.Timeout | undefined;
  #version: unknown;
  #listener: BackendListener | undefined;
  #fault: LimpetError | undefined;
  #closed = false;

  /** Throws ERR_LIMPET_STORE: see {@link openSessionFile}. */
  constructor(sqlite: SqliteModule, path: string, bytesMax: number) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#database = openSessionFile(sqlite, path, bytesMax);
    const database = this.#database;
    this.#sql = {
      read: database.prepare('SELECT raw, expires_at FROM sessions WHERE sid = ? AND expires_at > ?'),
      create: database.prepare(
        'INSERT INTO sessions (sid, raw, expires_at) VALUES (?, ?, ?) ON CONFLICT (sid) DO UPDATE SET raw = excluded.raw, expires_at = excluded.expires_at',
      ),
      replace: database.prepare(
        'UPDATE sessions SET raw = ?, expires_at = ? WHERE sid = ? AND expires_at > ? AND raw = ?',
      ),
      overwrite: database.prepare(
        'UPDATE sessions SET raw = ?, expires_at = ? WHERE sid = ? AND expires_at > ?',
      ),
      touch: database.prepare('UPDATE sessions SET expires_at = ? WHERE sid = ? AND expires_at > ?'),
      remove: database.prepare('DELETE FROM sessions WHERE sid = ?'),
      list: database.prepare(
        'SELECT sid FROM sessions WHERE expires_at > ? AND sid > ? ORDER BY sid LIMIT 500',
      ),
      sweep: database.prepare(
        `DELETE FROM sessions WHERE sid IN (SELECT sid FROM sessions WHERE expires_at <= ? LIMIT ${sweepRows})`,
      ),
      version: database.prepare('PRAGMA data_version'),
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
    this.#database.close();
  }

  #run<T>(action: (sql: Statements) => T): T {
    if (this.#closed) throw storeClosed();
    if (this.#fault) throw this.#fault;
    return withStoreErrors(this.#path, this.#bytesMax, () => action(this.#sql));
  }

  /** Runs a write. If the file is full, removes expired rows and tries once more. */
  #write(action: (sql: Statements) => { changes: number | bigint }): number {
    try {
      return Number(this.#run(action).changes);
    } catch (error) {
      if (!isFull(error) || Number(this.#run(({ sweep }) => sweep.run(Date.now()).changes)) === 0)
        throw error;
      return Number(this.#run(action).changes);
    }
  }

  /** PRAGMA data_version changes when another connection has committed. */
  #look(): void {
    try {
      const version = this.#run((sql) => sql.version.get()?.data_version);
      if (this.#version !== undefined && version !== this.#version) this.#listener?.changed();
      this.#version = version;
    } catch {
      // The next read or write reports the error.
    }
  }

  async #sweep(): Promise<void> {
    try {
      if (statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode) {
        this.#fault = storeRefused(
          `The session file ${this.#path} was removed or replaced while the store was open. Restart the processes that use it.`,
          { path: this.#path },
        );
        this.#listener?.down(this.#fault.message);
        return;
      }
      while (!this.#closed && Number(this.#run(({ sweep }) => sweep.run(Date.now()).changes)) === sweepRows)
        await nextTurn();
    } catch {
      // No harm: an expired row is never read. The next sweep removes it.
    }
  }
}

function rowOf(row: Record<string, unknown> | undefined): Row | undefined {
  return row && { raw: String(row.raw), expiresAt: Number(row.expires_at) };
}
