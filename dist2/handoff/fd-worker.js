/** Takes what comes through the slot's channel. */
export class FdWorker {
    #intake;
    #listener;
    constructor(intake, listener, entrance) {
        this.#intake = intake;
        this.#listener = listener;
        intake.open(listener, entrance);
    }
    received() { }
    stop(done) {
        this.#intake.close(this.#listener);
        done();
    }
}
