/** Accepts from its slot's listening socket; the messages are in kernel-primary.ts. */
export class KernelWorker {
    #intake;
    #listener;
    #send;
    #stopped = false;
    constructor(intake, listener, entrance, send) {
        this.#intake = intake;
        this.#listener = listener;
        this.#send = send;
        intake.open(listener, entrance);
    }
    received(message, handle) {
        if (message.accept && handle) {
            if (!this.#stopped)
                this.#intake.accept(this.#listener, handle.fd);
            handle.close();
        }
        else if (message.pause) {
            this.#intake.stopAccepting(this.#listener);
        }
        else if (message.close) {
            this.#intake.stopAccepting(this.#listener, true);
            this.#send({ closed: true });
        }
    }
    stop(done) {
        this.#stopped = true;
        this.#intake.close(this.#listener);
        done();
    }
}
