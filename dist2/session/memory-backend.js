import { storeClosed, storeRefused, } from './backend.js';
/** Rough cost of a row beside its text. */
const rowBytes = 200;
const sweepMs = 30_000;
/**
 * Rows in this process's memory, bounded in bytes. When it is full, expired rows are removed; when it still is, new
 * rows and longer ones are refused: no one is logged out to make room.
 */
export class MemoryBackend {
    #rows = new Map();
    #bytesMax;
    #followed = new Set();
    #sweeper;
    #bytes = 0;
    #listener;
    #closed = false;
    constructor(bytesMax) {
        this.#bytesMax = bytesMax;
        this.#sweeper = setInterval(() => this.#sweep(), sweepMs);
        this.#sweeper.unref();
    }
    async read(sid) {
        if (this.#closed)
            throw storeClosed();
        return this.#live(sid);
    }
    async create(sid, raw, ttlMs) {
        if (this.#closed)
            throw storeClosed();
        this.#store(sid, raw, ttlMs);
    }
    async replace(sid, known, raw, ttlMs) {
        if (this.#closed)
            throw storeClosed();
        const row = this.#live(sid);
        if (!row)
            return 'gone';
        if (known !== undefined && row.raw !== known)
            return row;
        this.#store(sid, raw, ttlMs);
        return 'stored';
    }
    async touch(sid, ttlMs) {
        if (this.#closed)
            throw storeClosed();
        const row = this.#live(sid);
        if (row)
            this.#rows.set(sid, { raw: row.raw, expiresAt: Date.now() + ttlMs });
        return row !== undefined;
    }
    async remove(sid) {
        if (this.#closed)
            throw storeClosed();
        this.#drop(sid);
    }
    async *list() {
        if (this.#closed)
            throw storeClosed();
        yield [...this.#rows.keys()].filter((sid) => this.#live(sid));
    }
    follow(sid) {
        this.#followed.add(sid);
    }
    unfollow(sid) {
        this.#followed.delete(sid);
    }
    listen(listener) {
        this.#listener = listener;
    }
    status() {
        return {
            kind: 'memory',
            up: !this.#closed,
            sessions: this.#rows.size,
            bytes: this.#bytes,
            bytesMax: this.#bytesMax,
        };
    }
    async close() {
        this.#closed = true;
        clearInterval(this.#sweeper);
        this.#rows.clear();
    }
    #live(sid) {
        const row = this.#rows.get(sid);
        if (!row || row.expiresAt > Date.now())
            return row;
        this.#drop(sid);
        return undefined;
    }
    #store(sid, raw, ttlMs) {
        const before = this.#rows.get(sid);
        const growth = sizeOf(sid, raw) - (before ? sizeOf(sid, before.raw) : 0);
        if (this.#bytes + growth > this.#bytesMax)
            this.#sweep();
        if (growth > 0 && this.#bytes + growth > this.#bytesMax)
            throw storeFull(this.#bytesMax);
        this.#rows.set(sid, { raw, expiresAt: Date.now() + ttlMs });
        this.#bytes += growth;
        this.#tell(sid);
    }
    #drop(sid) {
        const row = this.#rows.get(sid);
        if (!row)
            return;
        this.#rows.delete(sid);
        this.#bytes -= sizeOf(sid, row.raw);
        this.#tell(sid);
    }
    #sweep() {
        for (const sid of this.#rows.keys())
            this.#live(sid);
    }
    #tell(sid) {
        if (this.#followed.has(sid))
            this.#listener?.changed(sid);
    }
}
/** The one policy of every bounded store. */
export function storeFull(bytesMax, cause) {
    return storeRefused(`The session store is full: ${bytesMax} bytes are taken by sessions that have not expired. Raise bytesMax, shorten their life, or move to Redis.`, { bytesMax }, cause);
}
function sizeOf(sid, raw) {
    return 2 * (sid.length + raw.length) + rowBytes;
}
