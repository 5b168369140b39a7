import { LimpetError } from '../errors.js';
import { isStoreAway, storeAway, storeRefused, } from './backend.js';
import { mergeSessions } from './merge.js';
import { Watchers } from './watch.js';
/** The snapshot of a session that has no row yet. */
export function newSnapshot() {
    return { base: '', known: undefined, expiresAt: Number.NEGATIVE_INFINITY };
}
/** PTTL and a stored date differ by network time; below this they are the same. */
const clockSlackMs = 90;
/**
 * Sessions over a backend's rows, with everything that makes them right: three-way merge, no resurrection, throttled
 * touches, and the chosen answer to a store that is away. The faces (express-session, uWebSockets.js) only translate.
 */
export class SessionRows {
    backend;
    watchers;
    #options;
    #listener;
    #touching = new Map();
    #counters = { gone: 0, conflicts: 0, stale: 0, anonymous: 0, failures: 0, touchesLeftOut: 0 };
    constructor(backend, options, listener) {
        this.backend = backend;
        this.#options = options;
        this.#listener = listener;
        this.watchers = new Watchers(backend);
        backend.listen({
            changed: (sid) => this.watchers.look(sid),
            up: () => listener.up(),
            down: (reason) => listener.down(reason),
            degraded: (feature, reason) => listener.degraded(feature, reason),
        });
    }
    /** Undefined: no such session. Rejects with ERR_LIMPET_STORE when that cannot be known (but see `onStoreDown`). */
    async load(sid) {
        let row;
        try {
            row = await this.backend.read(sid);
        }
        catch (error) {
            this.#counters.failures++;
            if (!isStoreAway(error) || this.#options.onStoreDown === 'error')
                throw error;
            if (this.#options.onStoreDown === 'anonymous')
                return this.#anonymous();
            row = this.backend.lastKnown?.(sid);
            if (!row)
                throw error;
            this.#counters.stale++;
        }
        if (!row)
            return undefined;
        return { fields: this.#fieldsOf(sid, row), snapshot: snapshotOf(row) };
    }
    /**
     * Stores the session; a session that has expired is destroyed instead, as express-session expects. With a snapshot
     * of a stored row: never over a row that another request changed (see `onConflict`), never where the row is gone.
     * Rejects with ERR_LIMPET_STORE, _SESSION_SIZE or _SESSION_CONFLICT when the session was not stored.
     */
    async save(sid, session, snapshot) {
        if (snapshot.anonymous) {
            throw storeAway('The session was read while the store was away: it is empty, and storing it would lose the real one');
        }
        const ttlMs = this.#ttlOf(session);
        const ours = this.#stringify(session);
        const before = snapshot.saving;
        const saving = before
            ? before.then(() => this.#write(sid, ours, ttlMs, snapshot))
            : this.#write(sid, ours, ttlMs, snapshot);
        const settled = saving.then(() => undefined, () => undefined);
        snapshot.saving = settled;
        try {
            return await saving;
        }
        catch (error) {
            this.#counters.failures++;
            throw error;
        }
        finally {
            if (snapshot.saving === settled)
                delete snapshot.saving;
        }
    }
    /** Lengthens the life of the session's row; nothing happens where there is none. */
    async touch(sid, session, snapshot) {
        if (snapshot?.anonymous)
            return;
        const ttlMs = this.#ttlOf(session);
        if (ttlMs <= 0)
            return this.destroy(sid);
        if (snapshot) {
            const gainMs = Date.now() + ttlMs - snapshot.expiresAt;
            if (gainMs >= 0 && gainMs < this.#touchAfterMs(ttlMs)) {
                this.#counters.touchesLeftOut++;
                return;
            }
        }
        // Requests that come together touch once.
        const underWay = snapshot && this.#touching.get(sid);
        if (underWay)
            return underWay;
        const touching = this.#touch(sid, ttlMs, snapshot).finally(() => this.#touching.delete(sid));
        this.#touching.set(sid, touching);
        return touching;
    }
    /** Resolved: the session is gone, for every worker. */
    async destroy(sid) {
        await this.backend.remove(sid);
        this.watchers.gone(sid);
    }
    async *list() {
        const seen = new Set();
        for await (const batch of this.backend.list()) {
            for (const sid of batch) {
                if (seen.has(sid))
                    continue;
                seen.add(sid);
                yield sid;
            }
        }
    }
    /** The session of one listed sid, straight from the backend; undefined when it ended meanwhile. */
    async peek(sid) {
        const row = await this.backend.read(sid);
        return row && this.#fieldsOf(sid, row);
    }
    /** Destroys every session that is there now. */
    async clear() {
        for await (const batch of this.backend.list())
            await Promise.all(batch.map((sid) => this.destroy(sid)));
    }
    status() {
        return { ...this.backend.status(), ...this.#counters, watched: this.watchers.size };
    }
    async close() {
        this.watchers.close();
        await this.backend.close();
    }
    async #write(sid, ours, ttlMs, snapshot) {
        if (ttlMs <= 0) {
            await this.destroy(sid);
            return 'stored';
        }
        if (snapshot.known === undefined) {
            await this.backend.create(sid, ours, ttlMs);
            return inStep(snapshot, ours, ours, ttlMs);
        }
        const { onConflict } = this.#options;
        for (let there = snapshot.known;; snapshot.known = there) {
            const text = there === snapshot.base ? ours : this.#merge(snapshot.base, ours, there);
            const lifeMs = text === ours ? ttlMs : this.#ttlOf(this.#options.serializer.parse(text));
            const known = onConflict === 'last-write' ? undefined : there;
            const replaced = await this.backend.replace(sid, known, text, lifeMs);
            if (replaced === 'stored')
                return inStep(snapshot, ours, text, lifeMs);
            if (replaced === 'gone') {
                this.#counters.gone++;
                this.#listener.gone(sid);
                this.watchers.gone(sid);
                return 'gone';
            }
            if (replaced.raw === text)
                return inStep(snapshot, ours, text, lifeMs);
            this.#counters.conflicts++;
            if (onConflict === 'error') {
                throw new LimpetError('ERR_LIMPET_SESSION_CONFLICT', "The session was changed by another request since this one read it, and onConflict is 'error'. Reload it and try again.");
            }
            there = replaced.raw;
        }
    }
    #merge(base, ours, theirs) {
        const { serializer } = this.#options;
        const merged = mergeSessions(serializer.parse(base), serializer.parse(ours), serializer.parse(theirs));
        return serializer.stringify(merged);
    }
    async #touch(sid, ttlMs, snapshot) {
        try {
            if ((await this.backend.touch(sid, ttlMs)) && snapshot)
                snapshot.expiresAt = Date.now() + ttlMs;
        }
        catch (error) {
            this.#counters.failures++;
            // Nothing that the application wrote is lost by a touch that did not come through.
            if (!isStoreAway(error) || this.#options.onStoreDown === 'error')
                throw error;
        }
    }
    #anonymous() {
        this.#counters.anonymous++;
        const fields = { cookie: { originalMaxAge: null, expires: null } };
        return { fields, snapshot: { ...newSnapshot(), anonymous: true } };
    }
    #stringify(session) {
        const text = this.#options.serializer.stringify(session);
        const { sessionBytesMax } = this.#options;
        const bytes = text.length * 3 > sessionBytesMax ? Buffer.byteLength(text) : 0;
        if (bytes > sessionBytesMax) {
            throw new LimpetError('ERR_LIMPET_SESSION_SIZE', `The session has ${bytes} bytes, expected at most ${sessionBytesMax}. Keep large data elsewhere, or raise sessionBytesMax.`, { bytes, sessionBytesMax });
        }
        return text;
    }
    /** The row's own end of life is the truth; the date inside the text is as old as the last save. */
    #fieldsOf(sid, row) {
        let fields;
        try {
            fields = this.#options.serializer.parse(row.raw);
        }
        catch (error) {
            throw storeRefused('The row of a session cannot be read: it is no session, or was written by another serializer', { sid }, error);
        }
        const cookie = fields.cookie;
        if (cookie?.expires && Number.isFinite(row.expiresAt)) {
            const written = new Date(cookie.expires).getTime();
            if (!(Math.abs(written - row.expiresAt) < clockSlackMs))
                cookie.expires = new Date(row.expiresAt).toISOString();
        }
        return fields;
    }
    #ttlOf(session) {
        const { ttlMs } = this.#options;
        if (typeof ttlMs === 'function')
            return Math.ceil(ttlMs(session));
        const expires = session.cookie?.expires;
        const untilMs = expires ? Math.ceil(new Date(expires).getTime() - Date.now()) : ttlMs;
        return Number.isNaN(untilMs) ? ttlMs : untilMs;
    }
    #touchAfterMs(ttlMs) {
        const { touchAfterMs } = this.#options;
        return touchAfterMs === 'auto' ? Math.min(60_000, ttlMs / 100) : touchAfterMs;
    }
}
function snapshotOf({ raw, expiresAt }) {
    return { base: raw, known: raw, expiresAt };
}
function inStep(snapshot, ours, stored, ttlMs) {
    snapshot.base = ours;
    snapshot.known = stored;
    snapshot.expiresAt = Date.now() + ttlMs;
    return 'stored';
}
