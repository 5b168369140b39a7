const onward = {
    starting: ['ready', 'draining', 'gone'],
    ready: ['draining', 'gone'],
    draining: ['gone'],
    gone: [],
};
export class Lifecycle {
    state = 'starting';
    reason = 'forked';
    since;
    startedAt;
    constructor(now) {
        this.since = now;
        this.startedAt = now;
    }
    /** True when the state changed; false, and nothing happens, when `to` cannot follow the present state. */
    move(to, reason, now) {
        if (!onward[this.state].includes(to))
            return false;
        this.state = to;
        this.reason = reason;
        this.since = now;
        return true;
    }
}
const shortLifeMs = 60_000;
const firstDelayMs = 100;
const longestDelayMs = 10_000;
/** So many short lives in a row are a crash loop: reported once, and held at the longest delay's pace. */
const crashLoopDeaths = 8;
const restartsKept = 20;
/** When the next process may be tried: at once, then 100 ms doubling to 10 s while processes keep dying within a minute. */
export class Respawn {
    /** The last {@link restartsKept} deaths, oldest first. */
    restarts = [];
    count = 0;
    #shortLives = 0;
    /** Notes a death that was not asked for. */
    died(life, now) {
        this.count += 1;
        this.restarts.push({ at: now, pid: life.pid, reason: life.reason });
        if (this.restarts.length > restartsKept)
            this.restarts.shift();
        this.#shortLives = now - life.startedAt < shortLifeMs ? this.#shortLives + 1 : 1;
        const repeats = this.#shortLives - 2;
        const delayMs = repeats < 0 ? 0 : Math.min(firstDelayMs * 2 ** repeats, longestDelayMs);
        return { delayMs, crashLoop: this.#shortLives === crashLoopDeaths };
    }
    get shortLives() {
        return this.#shortLives;
    }
    /** A reload starts with a clean slate. */
    forgive() {
        this.#shortLives = 0;
    }
}
