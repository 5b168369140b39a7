import { takenAtOnce } from '../binding/handoff-binding.js';
import { SharedPage } from '../binding/shared-page.js';
/** What all `kernel` and `fd` listeners of a worker process share: its inbox, and its row of the page. */
export class Intake {
    #inbox;
    #page;
    #row;
    #entrances = [];
    /** Make it first thing in the process: the inherited descriptors are close-on-exec from here on. */
    constructor(binding, { slot, row, channel, page }) {
        binding.closeOnExec(channel);
        binding.closeOnExec(page);
        const descriptors = new Int32Array(takenAtOnce);
        const listeners = new Uint8Array(takenAtOnce);
        this.#row = row;
        this.#page = SharedPage.map(binding, page);
        this.#inbox = new binding.Inbox({ page, row, slot, descriptors, listeners }, (count) => {
            // An entrance may call back: what was delivered is read first.
            const batch = Array.from(descriptors.subarray(0, count), (fd, i) => ({
                fd,
                to: listeners[i],
            }));
            for (const { fd, to } of batch) {
                const entrance = this.#entrances[to];
                if (entrance)
                    entrance.descriptor(fd);
                else
                    binding.close(fd);
            }
        });
        this.#inbox.receive(channel);
    }
    /** From now on the listener's connections reach `entrance`. */
    open(listener, entrance) {
        this.#entrances[listener] = entrance;
        this.#inbox.expect(listener, true);
    }
    /** Accepts from a duplicate of the listening socket, too. */
    accept(listener, fd) {
        this.#inbox.accept(listener, fd);
    }
    /** With `drain`, what waits in the kernel's queue comes first. */
    stopAccepting(listener, drain = false) {
        this.#inbox.stopAccepting(listener, drain);
    }
    /** Takes nothing new for the listener; what is still in the channel goes back to the primary. */
    close(listener) {
        this.#inbox.stopAccepting(listener, false);
        this.#inbox.expect(listener, false);
    }
    /** A connection that an entrance was given is closed. */
    countClosed() {
        this.#page.countClosed(this.#row);
    }
}
