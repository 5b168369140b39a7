import { LRUCache } from 'lru-cache';
import { LimpetError } from '../errors.js';
import { integer, oneOf } from '../options.js';
import { BaseStore, isOpen } from './express-session.js';
import { newSnapshot, SessionRows, } from './rows.js';
import { json } from './serializer.js';
const positive = {
    expected: 'a number above 0, or Infinity (milliseconds)',
    ok: (v) => typeof v === 'number' && v >= 0,
    fallback: 'auto',
};
/** Rules for {@link StoreOptions}, for the `check` of each store. */
export const storeRules = {
    ttl: {
        expected: 'a number of seconds above 0, or a function that gives one',
        ok: (v) => (typeof v === 'number' && v > 0 && v <= 1e10) || typeof v === 'function',
        fallback: 86_400,
    },
    touchAfterMs: positive,
    onConflict: oneOf(['merge', 'last-write', 'error'], 'merge'),
    sessionBytesMax: integer(1024, 512 * 1024 * 1024, 1024 * 1024, ' (bytes)'),
    serializer: {
        expected: 'an object with the functions stringify and parse',
        ok: (v) => typeof v?.stringify === 'function' &&
            typeof v.parse === 'function',
        fallback: json,
    },
};
/**
 * The store contract of express-session over any backend; @fastify/session takes it as well. Every method takes a
 * callback or, without one, returns a promise.
 *
 * A session obtained from `get` and given to `set` is compared with what is there; a plain object is stored whatever
 * was there. A `set` that finds its row gone is no error (express-session calls it when the response has
 * gone out): see the event 'gone'. Behind sessions(), a save() that the application itself calls does get the error.
 */
export class SessionStore extends BaseStore {
    /** The layer below, shared with the uWebSockets.js face. */
    rows;
    #snapshots = new WeakMap();
    /** For frameworks that copy the session into an object of their own, which no snapshot can follow. */
    #lastRead = new LRUCache({ max: 10_000 });
    constructor(backend, options) {
        super();
        const { ttl = 86_400 } = options;
        this.rows = new SessionRows(backend, {
            serializer: options.serializer ?? json,
            ttlMs: typeof ttl === 'function' ? (session) => ttl(session) * 1000 : ttl * 1000,
            touchAfterMs: (options.touchAfterMs ?? 'auto'),
            onConflict: options.onConflict ?? 'merge',
            onStoreDown: options.onStoreDown ?? 'error',
            sessionBytesMax: options.sessionBytesMax ?? 1024 * 1024,
        }, {
            up: () => {
                this.emit('up');
                this.emit('connect');
            },
            down: (reason) => this.emit('down', reason),
            gone: (sid) => this.emit('gone', sid),
            degraded: (feature, reason) => {
                process.emitWarning(`${feature} is off: ${reason}`, 'LimpetSessionWarning');
                this.emit('degraded', feature, reason);
            },
        });
    }
    get(sid, callback) {
        return answer(callback, this.#get(sid));
    }
    set(sid, session, callback) {
        return answer(callback, this.#set(sid, session));
    }
    touch(sid, session, callback) {
        return answer(callback, this.rows.touch(sid, session, this.#snapshots.get(session)));
    }
    destroy(sid, callback) {
        return answer(callback, this.rows.destroy(sid));
    }
    all(callback) {
        return answer(callback, this.#all());
    }
    length(callback) {
        return answer(callback, this.#ids().then(({ length }) => length));
    }
    ids(callback) {
        return answer(callback, this.#ids());
    }
    clear(callback) {
        return answer(callback, this.rows.clear());
    }
    /**
     * Tells when the stored session `sid` is destroyed, on whichever worker or machine, or stored with other data. A
     * session that is not stored (any more) is told as destroyed at once.
     */
    watch(sid) {
        return this.rows.watchers.watch(sid);
    }
    /** Counters and capabilities: what is on, what is off and why. */
    status() {
        return this.rows.status();
    }
    /** Ends the store's own connections, timers and watches. Sessions stay. Calls after it reject with ERR_LIMPET_CLOSED. */
    async close() {
        await this.rows.close();
        this.emit('disconnect');
    }
    createSession(request, fields) {
        const session = super.createSession(request, fields);
        const snapshot = this.#snapshots.get(fields);
        if (snapshot)
            this.#snapshots.set(session, snapshot);
        return session;
    }
    async #get(sid) {
        const loaded = await this.rows.load(sid);
        if (!loaded)
            return null;
        this.#snapshots.set(loaded.fields, loaded.snapshot);
        this.#lastRead.set(sid, loaded.snapshot);
        return loaded.fields;
    }
    async #set(sid, session) {
        let snapshot = this.#snapshots.get(session);
        if (!snapshot) {
            const copied = typeof session.save === 'function' ? this.#lastRead.get(sid) : undefined;
            snapshot = copied ? { ...copied } : newSnapshot();
            this.#snapshots.set(session, snapshot);
        }
        const saved = await this.rows.save(sid, session, snapshot);
        if (saved === 'gone' && isOpen(session))
            throw sessionGone(sid);
    }
    async #ids() {
        const sids = [];
        for await (const sid of this.rows.list())
            sids.push(sid);
        return sids;
    }
    async #all() {
        const sessions = [];
        for await (const sid of this.rows.list()) {
            const session = await this.rows.peek(sid);
            if (session)
                sessions.push({ ...session, id: sid });
        }
        return sessions;
    }
}
export function sessionGone(sid) {
    return new LimpetError('ERR_LIMPET_SESSION_GONE', 'The session was destroyed or has expired since this request read it; it was not stored again. Regenerate it to begin a new one.', { sid });
}
function answer(callback, promise) {
    if (!callback)
        return promise;
    promise.then((value) => callback(null, value), (error) => callback(error));
    return undefined;
}
