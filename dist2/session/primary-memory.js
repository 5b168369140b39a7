import cluster, {} from 'node:cluster';
import { LimpetError } from '../errors.js';
import { storeAway, storeClosed, } from './backend.js';
import { before, Late } from './deadline.js';
import { MemoryBackend } from './memory-backend.js';
/**
 * Session memory in the primary, asked by its workers over Node's own IPC channel. Node delivers messages whose `cmd`
 * begins with NODE_ as 'internalMessage' and never as 'message', so the application's own messages are not disturbed.
 */
const cmd = 'NODE_LIMPET_SESSION';
const bytesMaxDefault = 64 * 1024 * 1024;
let served = false;
/** Answers go to the process, so all stores of a process number their questions together. */
let questions = 0;
/**
 * Makes this primary keep the sessions of LocalStores in its workers, those that it has and those that it will fork.
 * limpet's router calls it; call it in a primary of your own. `bytesMax` bounds the memory (default 64 MiB).
 * Idempotent; costs nothing until a worker asks. Throws ERR_LIMPET_ROLE in a worker.
 */
export function serveSessionMemory({ bytesMax = bytesMaxDefault } = {}) {
    if (!cluster.isPrimary)
        throw new LimpetError('ERR_LIMPET_ROLE', 'serveSessionMemory() is for the primary; this is a worker.');
    if (served)
        return;
    served = true;
    new PrimaryMemory(bytesMax).serve();
}
class PrimaryMemory {
    #memory;
    #followers = new Map();
    constructor(bytesMax) {
        this.#memory = new MemoryBackend(bytesMax);
    }
    serve() {
        const quiet = () => undefined;
        this.#memory.listen({ changed: (sid) => this.#tell(sid), up: quiet, down: quiet, degraded: quiet });
        for (const worker of Object.values(cluster.workers ?? {}))
            if (worker)
                this.#attach(worker);
        cluster.on('fork', (worker) => this.#attach(worker));
    }
    #attach(worker) {
        worker.process.on('internalMessage', (message) => {
            if (message?.cmd === cmd && message.call)
                void this.#answer(worker, message);
        });
        worker.process.once('exit', () => {
            for (const sid of this.#followers.keys())
                this.#unfollow(worker, sid);
        });
    }
    async #answer(worker, { number, call, values }) {
        const memory = this.#memory;
        const calls = {
            read: (sid) => memory.read(sid),
            create: (sid, raw, ttlMs) => memory.create(sid, raw, ttlMs),
            replace: (sid, known, raw, ttlMs) => memory.replace(sid, known ?? undefined, raw, ttlMs),
            touch: (sid, ttlMs) => memory.touch(sid, ttlMs),
            remove: (sid) => memory.remove(sid),
            sids: async () => {
                const sids = [];
                for await (const batch of memory.list())
                    sids.push(...batch);
                return sids;
            },
            follow: async (sid) => this.#follow(worker, sid),
            unfollow: async (sid) => this.#unfollow(worker, sid),
            status: async () => memory.status(),
        };
        try {
            const value = await calls[call](...values);
            say(worker.process, { cmd, number, value });
        }
        catch (error) {
            const { code, message, facts } = error;
            say(worker.process, {
                cmd,
                number,
                error: { code: code ?? 'ERR_LIMPET_STORE', message, facts: facts ?? {} },
            });
        }
    }
    #follow(worker, sid) {
        this.#memory.follow(sid);
        const followers = this.#followers.get(sid);
        if (followers)
            followers.add(worker);
        else
            this.#followers.set(sid, new Set([worker]));
    }
    #unfollow(worker, sid) {
        const followers = this.#followers.get(sid);
        if (!followers?.delete(worker) || followers.size > 0)
            return;
        this.#followers.delete(sid);
        this.#memory.unfollow(sid);
    }
    #tell(sid) {
        if (sid === undefined)
            return;
        for (const worker of this.#followers.get(sid) ?? [])
            say(worker.process, { cmd, changed: sid });
    }
}
/** The worker's side: a backend whose rows are in the primary. */
export class PrimaryMemoryBackend {
    #timeoutMs;
    #asked = new Map();
    #listener;
    #status = { kind: 'primary-memory', up: true };
    #closed = false;
    #hear = (message) => this.#told(message);
    constructor(timeoutMs) {
        this.#timeoutMs = timeoutMs;
        process.on('internalMessage', this.#hear);
    }
    read(sid) {
        return this.#ask('read', sid);
    }
    create(sid, raw, ttlMs) {
        return this.#ask('create', sid, raw, ttlMs);
    }
    replace(sid, known, raw, ttlMs) {
        return this.#ask('replace', sid, known ?? null, raw, ttlMs);
    }
    touch(sid, ttlMs) {
        return this.#ask('touch', sid, ttlMs);
    }
    remove(sid) {
        return this.#ask('remove', sid);
    }
    async *list() {
        yield await this.#ask('sids');
    }
    follow(sid) {
        this.#ask('follow', sid).catch(() => undefined);
    }
    unfollow(sid) {
        this.#ask('unfollow', sid).catch(() => undefined);
    }
    listen(listener) {
        this.#listener = listener;
    }
    /** The primary's figures as of the last call. */
    status() {
        this.#ask('status').then((status) => {
            this.#status = { ...status, kind: 'primary-memory' };
        }, () => {
            this.#status = { ...this.#status, up: false };
        });
        return this.#status;
    }
    async close() {
        this.#closed = true;
        process.off('internalMessage', this.#hear);
        for (const { reject } of this.#asked.values())
            reject(storeClosed());
        this.#asked.clear();
    }
    async #ask(call, ...values) {
        if (this.#closed)
            throw storeClosed();
        const number = ++questions;
        const answer = new Promise((resolve, reject) => this.#asked.set(number, { resolve, reject }));
        if (!say(process, { cmd, number, call, values })) {
            this.#asked.delete(number);
            throw storeAway('The primary, which keeps the sessions, is gone');
        }
        try {
            return await before(performance.now() + this.#timeoutMs, answer);
        }
        catch (error) {
            if (!(error instanceof Late))
                throw error;
            throw storeAway(`The primary did not answer within ${this.#timeoutMs} ms. It keeps the sessions if it runs limpet.listen(), or calls serveSessionMemory() itself.`, { timeoutMs: this.#timeoutMs });
        }
        finally {
            this.#asked.delete(number);
        }
    }
    #told(message) {
        if (message?.cmd !== cmd)
            return;
        if ('changed' in message) {
            this.#listener?.changed(message.changed);
            return;
        }
        const asked = this.#asked.get(message.number);
        const { error } = message;
        if (error)
            asked?.reject(new LimpetError(error.code, error.message, { ...error.facts }));
        else
            asked?.resolve(message.value);
    }
}
/** False when the other side is gone. A message lost on the way shows as an answer that does not come. */
function say(end, message) {
    if (!end.connected || !end.send)
        return false;
    end.send(message, undefined, undefined, () => undefined);
    return true;
}
