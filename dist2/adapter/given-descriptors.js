/** A look at one descriptor is about a microsecond: a count spends a few milliseconds at most. */
const looksAtOnce = 1000;
/**
 * Counts the connections whose descriptors were given to somebody who does not tell when he closes them. A number that is in use
 * again for something else is told apart by its local address: only what was accepted from the listener has the listener's.
 */
export class GivenDescriptors {
    #binding;
    #bound;
    #closed;
    #numbers = new Set();
    /** `closed` is called for each connection, once it is found to be closed. */
    constructor(binding, bound, closed) {
        this.#binding = binding;
        this.#bound = bound;
        this.#closed = closed;
    }
    add(fd) {
        if (this.#numbers.has(fd))
            this.#closed();
        else
            this.#numbers.add(fd);
    }
    /** How many are open. Beyond a thousand it may lag behind, by as many calls as there are thousands. */
    count() {
        let looks = Math.min(looksAtOnce, this.#numbers.size);
        for (const fd of this.#numbers) {
            if (looks-- === 0)
                break;
            this.#numbers.delete(fd);
            if (this.#isOpen(fd))
                this.#numbers.add(fd);
            else
                this.#closed();
        }
        return this.#numbers.size;
    }
    #isOpen(fd) {
        const bound = this.#bound;
        try {
            const here = this.#binding.boundAddress(fd);
            return 'path' in here
                ? 'path' in bound && here.path === bound.path
                : 'port' in bound && here.port === bound.port;
        }
        catch {
            return false;
        }
    }
}
