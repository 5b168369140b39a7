import { sharedClockMs } from './shared-clock.js';
/** The worker half of ipc; the protocol is told in `ipc-primary.ts`. */
export class IpcWorker {
    #entrance;
    #send;
    #claimAfterMs;
    #claims = new Map();
    #stopped = false;
    /** After `stallTimeoutMs` (0: never) the primary passes on what was not taken: from half of that on, the worker asks before use. */
    constructor(entrance, send, stallTimeoutMs) {
        this.#entrance = entrance;
        this.#send = send;
        this.#claimAfterMs = stallTimeoutMs === 0 ? Number.POSITIVE_INFINITY : stallTimeoutMs / 2;
    }
    received(message, handle) {
        if (typeof message.seq === 'number' && handle)
            this.#take(message.seq, message.at, handle);
        else if (typeof message.yours === 'number')
            this.#settle(message.yours, true);
        else if (typeof message.gone === 'number')
            this.#settle(message.gone, false);
        else if (typeof message.probe === 'number')
            this.#send({ passed: message.probe });
    }
    stop(done) {
        this.#stopped = true;
        done();
    }
    #take(seq, at, handle) {
        if (this.#stopped) {
            handle.close();
            this.#send({ back: seq });
        }
        else if (sharedClockMs() - at > this.#claimAfterMs) {
            this.#claims.set(seq, handle);
            this.#send({ claim: seq });
        }
        else {
            this.#send({ took: seq });
            this.#entrance.handle(handle);
        }
    }
    #settle(seq, yours) {
        const handle = this.#claims.get(seq);
        this.#claims.delete(seq);
        if (!handle)
            return;
        if (yours)
            this.#entrance.handle(handle);
        else
            handle.close();
    }
}
