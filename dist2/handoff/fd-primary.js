import { unlinkSync } from 'node:fs';
import { service } from '../binding/handoff-binding.js';
import { listenAt } from './numeric-address.js';
/**
 * The acceptor thread accepts, and passes each connection's descriptor through the channel of the slot that serves it. No
 * JavaScript runs in the primary for a connection.
 */
export class FdPrimary {
    name = 'fd';
    #exchange;
    #listener;
    #address;
    #source = -1;
    #served = false;
    constructor(exchange, { listener, address }) {
        this.#exchange = exchange;
        this.#listener = listener;
        this.#address = address;
    }
    async open() {
        const { binding, acceptor } = this.#exchange;
        const { backlog } = this.#address;
        const fd = await listenAt(this.#address, (numeric) => binding.listenAlone(numeric, backlog));
        try {
            this.#source = acceptor.add(this.#listener, fd);
            return binding.boundAddress(fd);
        }
        finally {
            binding.close(fd);
        }
    }
    seat(seat) {
        this.#exchange.seat(seat, this.#listener);
        if (this.#served)
            return;
        this.#served = true;
        this.#exchange.acceptor.serve(this.#source, service.served);
    }
    unseat(seat, gone) {
        this.#exchange.unseat(seat, this.#listener, gone);
    }
    retable(ring) {
        this.#exchange.retable(ring);
    }
    received() { }
    queued(slot) {
        return this.#exchange.acceptor.queued(slot, this.#listener);
    }
    async close(timeoutMs) {
        if ('path' in this.#address)
            unlinkSync(this.#address.path);
        return this.#exchange.close(this.#listener, timeoutMs);
    }
}
