import { send } from './messages.js';
import { Lifecycle } from './slot.js';
/** A worker process in its slot, as the primary sees it. During a reload a slot has several. */
export class Occupant {
    slot;
    row;
    worker;
    life = new Lifecycle(Date.now());
    /** Listeners that the app in the process asked for, by key. */
    asked = new Set();
    /** Listeners whose servers the process has opened. */
    opened = new Set();
    /** True between being given its slot's clients and leaving them. */
    seated = false;
    stalled = false;
    /** When it last gave a sign of life, ms since the epoch; infinity while a debugger may hold it. */
    heardAt = Date.now();
    vitals;
    /** Why the primary ended it, if it did. */
    endedFor;
    #stopped;
    constructor(slot, row, worker) {
        this.slot = slot;
        this.row = row;
        this.worker = worker;
    }
    get pid() {
        return this.worker.process.pid;
    }
    send(message, handle) {
        return send(this.worker.process, message, handle);
    }
    /** Its face towards the handoff of one listener. */
    seatFor(listener) {
        return {
            slot: this.slot,
            row: this.row,
            send: (body, handle) => this.send({ type: 'handoff', listener, body }, handle),
        };
    }
    /** Asks it to take nothing new; resolves when it says so, when it is gone, or after `patienceMs`. */
    stopIntake(patienceMs) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, patienceMs);
            this.#stopped = () => {
                clearTimeout(timer);
                resolve();
            };
            this.worker.once('exit', this.#stopped);
            if (!this.send({ type: 'stop' }))
                this.#stopped();
        });
    }
    /** It said that it takes nothing new. */
    stopped() {
        this.#stopped?.();
    }
    kill(reason) {
        this.endedFor ??= reason;
        this.worker.process.kill('SIGKILL');
    }
    /** Kills it unless it is gone by then. */
    killAfter(ms) {
        const timer = setTimeout(() => this.kill(`still there ${ms} ms after it was told to leave`), ms);
        this.worker.once('exit', () => clearTimeout(timer));
    }
}
