import { isStoreAway, storeAway, storeClosed } from './backend.js';
import { before, Late } from './deadline.js';
import { ownConnection, send } from './redis-client.js';
import { PushConnection } from './redis-tracking.js';
const heartbeatMs = 1000;
/** Answers of a server that is not, or no longer, the one to ask; the connection is made anew. */
const wrongServer = /^(READONLY|MASTERDOWN|LOADING)\b/;
/**
 * The way to one Redis server: a connection for commands and, for the near cache, a second one that receives what
 * the server invalidates. `period` stands for the trust in the near cache: it is taken away at the first doubt about
 * either connection, and a new one begins only when both are up and tracking has been seen to work.
 */
export class RedisLink {
    /** The current tracking period, while there is one. */
    period;
    /** Why there is no tracking; undefined while there is. */
    periodReason = 'not connected yet';
    /** Why commands can't be sent; undefined while they can. */
    downReason = 'not connected yet';
    #options;
    #commands;
    #pushes;
    #heartbeat;
    #waiting = new Set();
    #downSince = performance.now();
    /** Counts what speaks for or against a period; an attempt to begin one holds only while it is the latest. */
    #arming = 0;
    /** After a refusal, a period is tried again later and later. */
    #beatsToRetry = 1;
    #beatsLeft = 0;
    #attempt = Promise.resolve();
    #closed = false;
    constructor(options) {
        this.#options = options;
        this.#commands = options.connect(ownConnection);
        let lastError;
        this.#commands.on('error', ({ message }) => {
            lastError = message;
        });
        this.#commands.on('ready', () => {
            lastError = undefined;
            this.#commandsReady();
        });
        this.#commands.on('close', () => this.#commandsLost(lastError ?? 'the connection to Redis closed'));
        if (options.track) {
            this.#pushes = new PushConnection(options.connect(ownConnection), {
                onReady: () => this.#beginPeriod(),
                onLost: (reason) => this.#endPeriod(reason),
                onInvalidation: options.onInvalidation,
            });
        }
        else
            this.periodReason = 'switched off by the option nearCache';
        this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs);
        this.#heartbeat.unref();
    }
    /**
     * Sends `commands` in one write and gives their answers. Waits for a connection that is coming back, up to
     * `endsAt` (performance.now() milliseconds), except when it has been away for longer than a command may take.
     * Rejects with ERR_LIMPET_STORE, `facts.away`, when no answer came; with Redis's own error when it refused.
     */
    async exec(commands, endsAt, repeat) {
        for (;;) {
            if (this.downReason !== undefined)
                await this.#backUp(endsAt);
            try {
                return await before(endsAt, send(this.#commands, commands));
            }
            catch (error) {
                if (error instanceof Late) {
                    // The server may still run the command, as this connection's own, and then tell us nothing of it.
                    this.doubt('Redis did not answer in time');
                    throw storeAway(`Redis did not answer within ${this.#options.commandTimeoutMs} ms`, {
                        commandTimeoutMs: this.#options.commandTimeoutMs,
                    });
                }
                if (isServerAnswer(error)) {
                    if (!wrongServer.test(error.message))
                        throw error;
                    this.doubt(error.message);
                    if (repeat === 'once')
                        throw storeAway(`Redis answered: ${error.message}`, {}, error);
                }
                else if (repeat === 'once') {
                    throw storeAway('The connection to Redis broke before the answer', {}, error);
                }
                else if (this.downReason === undefined)
                    this.doubt('the connection is not writable');
            }
        }
    }
    /** Nothing is certain any more: ends the period and makes the command connection anew. */
    doubt(reason) {
        if (this.#closed)
            return;
        this.#commandsLost(reason);
        this.#commands.disconnect(true);
    }
    close() {
        if (this.#closed)
            return;
        this.#closed = true;
        clearInterval(this.#heartbeat);
        this.#commandsLost('closed');
        this.#commands.disconnect();
        this.#pushes?.close();
    }
    get closed() {
        return this.#closed;
    }
    #commandsReady() {
        if (this.#closed)
            return;
        this.downReason = undefined;
        for (const resume of [...this.#waiting])
            resume();
        this.#options.onState(this);
        this.#beginPeriod();
    }
    #commandsLost(reason) {
        this.#endPeriod(reason);
        if (this.downReason === undefined)
            this.#downSince = performance.now();
        this.downReason = reason;
        if (this.#closed)
            for (const resume of [...this.#waiting])
                resume();
        this.#options.onState(this);
    }
    async #backUp(endsAt) {
        const awayMs = performance.now() - this.#downSince;
        const away = () => storeAway(`Redis is away: ${this.downReason}`, { reason: this.downReason, awayMs: Math.round(awayMs) });
        if (this.#closed)
            throw storeClosed();
        if (awayMs > this.#options.commandTimeoutMs)
            throw away();
        let resume = () => undefined;
        const back = new Promise((resolve) => {
            resume = resolve;
        });
        this.#waiting.add(resume);
        try {
            await before(endsAt, back);
        }
        catch {
            throw away();
        }
        finally {
            this.#waiting.delete(resume);
        }
        if (this.#closed)
            throw storeClosed();
    }
    #endPeriod(reason) {
        this.#arming++;
        if (!this.#pushes)
            return;
        this.period = undefined;
        this.periodReason = reason;
        this.#options.onState(this);
    }
    /** One attempt at a time, the latest last: what an older one still sends must not outlast it on the server. */
    #beginPeriod() {
        const attempt = ++this.#arming;
        this.period = undefined;
        this.#attempt = this.#attempt.then(() => this.#tryPeriod(attempt));
    }
    async #tryPeriod(attempt) {
        if (attempt !== this.#arming || this.downReason !== undefined || !this.#pushes)
            return;
        try {
            const endsAt = performance.now() + this.#options.commandTimeoutMs;
            await this.#pushes.track(this.#commands, this.#options.probeKey(this), endsAt);
            if (attempt !== this.#arming)
                return;
            this.period = {};
            this.periodReason = undefined;
            this.#beatsToRetry = 1;
            this.#options.onPeriod();
        }
        catch (error) {
            if (attempt !== this.#arming)
                return;
            this.periodReason = error.message;
            this.#beatsLeft = this.#beatsToRetry;
            this.#beatsToRetry = Math.min(64, this.#beatsToRetry * 2);
        }
        this.#options.onState(this);
    }
    /** A connection may die without a word, and its tracking with it: what is not heard from is not trusted. */
    async #beat() {
        const endsAt = performance.now() + heartbeatMs;
        if (this.downReason === undefined && this.#pushes) {
            await this.exec([['ping']], endsAt, 'once').catch((error) => {
                if (!isStoreAway(error))
                    this.doubt(error.message);
            });
        }
        await this.#pushes?.beat(endsAt);
        if (this.#pushes && !this.period && this.#beatsLeft > 0 && --this.#beatsLeft === 0)
            this.#beginPeriod();
    }
}
/** Whether the server said so, as against a connection that could not ask it. */
export function isServerAnswer(error) {
    return error instanceof Error && error.name === 'ReplyError';
}
