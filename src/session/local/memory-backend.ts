import type { Backend, BackendListener, BackendStatus, Replaced, Row } from '../core/backend.js';
import { storeClosed, storeFull } from '../core/store-errors.js';

/** Approximate cost in bytes of a row without its text and sid. */
const rowBytes = 200;
const sweepMs = 30_000;

/**
 * Rows in the memory of this process, bounded in bytes. When the bound is reached, expired rows are removed. If that is not enough,
 * new rows and longer rows are refused: no live session is removed to make room.
 */
export class MemoryBackend implements Backend {
  readonly #rows = new Map<string, Row>();
  readonly #bytesMax: number;
  readonly #followed = new Set<string>();
  readonly #sweeper: NodeJS.Timeout;
  #bytes = 0;
  #listener: BackendListener | undefined;
  #closed = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs);
    this.#sweeper.unref();
  }

  async read(sid: string): Promise<Row | undefined> {
    if (this.#closed) throw storeClosed();
    return this.#live(sid);
  }

  async create(sid: string, raw: string, ttlMs: number): Promise<void> {
    if (this.#closed) throw storeClosed();
    this.#store(sid, raw, ttlMs);
  }

  async replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    if (this.#closed) throw storeClosed();
    const row = this.#live(sid);
    if (!row) return 'gone';
    if (known !== undefined && row.raw !== known) return row;
    this.#store(sid, raw, ttlMs);
    return 'stored';
  }

  async touch(sid: string, ttlMs: number): Promise<boolean> {
    if (this.#closed) throw storeClosed();
    const row = this.#live(sid);
    if (row) this.#rows.set(sid, { raw: row.raw, expiresAt: Date.now() + ttlMs });
    return row !== undefined;
  }

  async remove(sid: string): Promise<void> {
    if (this.#closed) throw storeClosed();
    this.#drop(sid);
  }

  async *list(): AsyncGenerator<string[]> {
    if (this.#closed) throw storeClosed();
    yield [...this.#rows.keys()].filter((sid) => this.#live(sid));
  }

  follow(sid: string): void {
    this.#followed.add(sid);
  }

  unfollow(sid: string): void {
    this.#followed.delete(sid);
  }

  listen(listener: BackendListener): void {
    this.#listener = listener;
  }

  status(): BackendStatus {
    return {
      kind: 'memory',
      up: !this.#closed,
      sessions: this.#rows.size,
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.#rows.clear();
  }

  #live(sid: string): Row | undefined {
    const row = this.#rows.get(sid);
    if (!row || row.expiresAt > Date.now()) return row;
    this.#drop(sid);
    return undefined;
  }

  #store(sid: string, raw: string, ttlMs: number): void {
    const before = this.#rows.get(sid);
    const growth = sizeOf(sid, raw) - (before ? sizeOf(sid, before.raw) : 0);
    if (this.#bytes + growth > this.#bytesMax) this.#sweep();
    if (growth > 0 && this.#bytes + growth > this.#bytesMax) throw storeFull(this.#bytesMax);
    this.#rows.set(sid, { raw, expiresAt: Date.now() + ttlMs });
    this.#bytes += growth;
    this.#report(sid);
  }

  #drop(sid: string): void {
    const row = this.#rows.get(sid);
    if (!row) return;
    this.#rows.delete(sid);
    this.#bytes -= sizeOf(sid, row.raw);
    this.#report(sid);
  }

  #sweep(): void {
    for (const sid of this.#rows.keys()) this.#live(sid);
  }

  #report(sid: string): void {
    if (this.#followed.has(sid)) this.#listener?.changed(sid);
  }
}

function sizeOf(sid: string, raw: string): number {
  return 2 * (sid.length + raw.length) + rowBytes;
}
