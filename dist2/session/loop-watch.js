/** What was not read from the sockets for longer than this must not be taken for nothing. */
const unreadMs = 40;
const beatMs = 10;
/** The beat stops when nothing asked for so many beats, so that an idle process sleeps. */
const idleBeats = 200;
/**
 * Tells whether this process has lately read its sockets. After a pause (garbage collection, a long computation,
 * SIGSTOP) an invalidation may have arrived and not been read yet; until one whole poll phase has passed, what is
 * remembered must not be trusted.
 */
export class LoopWatch {
    #timer;
    /** Everything that had arrived by this time (performance.now()) has been read. */
    #readUpTo = Number.NEGATIVE_INFINITY;
    #asked = false;
    #idle = 0;
    /** False after a pause or an idle time, until the sockets have been read once. */
    get punctual() {
        this.#asked = true;
        if (!this.#timer)
            this.#start();
        return performance.now() - this.#readUpTo < unreadMs;
    }
    stop() {
        clearInterval(this.#timer);
        this.#timer = undefined;
        this.#readUpTo = Number.NEGATIVE_INFINITY;
    }
    #start() {
        this.#idle = 0;
        this.#timer = setInterval(() => this.#beat(), beatMs);
        this.#timer.unref();
        // Called from within a poll phase: only the next one reads everything that has arrived by now.
        setImmediate(() => this.#markAfterPoll()).unref();
    }
    /** Timers run before the poll phase, immediates after it. */
    #beat() {
        this.#idle = this.#asked ? 0 : this.#idle + 1;
        this.#asked = false;
        if (this.#idle > idleBeats)
            this.stop();
        else
            this.#markAfterPoll();
    }
    #markAfterPoll() {
        const arrivedBy = performance.now();
        setImmediate(() => {
            if (this.#timer)
                this.#readUpTo = arrivedBy;
        }).unref();
    }
}
