import { handoffBinding } from '../binding/handoff-binding.js';
import { bindingReport } from '../binding/native.js';
import { LimpetError } from '../errors.js';
import { Exchange } from '../handoff/exchange.js';
import { FdPrimary } from '../handoff/fd-primary.js';
import { IpcPrimary } from '../handoff/ipc-primary.js';
import { KernelPrimary } from '../handoff/kernel-primary.js';
/** The handoffs that a router can have here, and what its native ones share. */
export class Handoffs {
    #options;
    #ring;
    #counters;
    #exchange;
    /** Why there is nothing but `ipc`. */
    onlyIpc = '';
    /** Throws ERR_LIMPET_HANDOFF_UNSUPPORTED when the one that the options ask for needs what is not here. */
    constructor(options, ring, counters) {
        this.#options = options;
        this.#ring = ring;
        this.#counters = counters;
        if (options.handoff === 'ipc')
            return;
        try {
            const binding = handoffBinding();
            if (binding)
                this.#exchange = new Exchange(binding, ring, options.queueMax);
            else
                this.onlyIpc = `no native addon: ${bindingReport().reason}`;
        }
        catch (error) {
            if (error instanceof LimpetError)
                throw error;
            this.onlyIpc = `the acceptor cannot start: ${error.message}`;
        }
        if (this.#exchange === undefined && options.handoff !== 'auto') {
            throw new LimpetError('ERR_LIMPET_HANDOFF_UNSUPPORTED', `handoff ${options.handoff} cannot be had: ${this.onlyIpc}. Use 'auto' or 'ipc'.`, { handoff: options.handoff, reason: this.onlyIpc });
        }
    }
    /** In the order in which they are to be tried: the one asked for, or all that there are. */
    *candidates(listener, address) {
        const wanted = this.#options.handoff;
        const exchange = this.#exchange;
        const on = { listener, address };
        if (exchange && (wanted === 'kernel' || wanted === 'auto')) {
            yield { name: 'kernel', handoff: new KernelPrimary(this.#ring, exchange, on) };
        }
        if (exchange && (wanted === 'fd' || wanted === 'auto')) {
            yield { name: 'fd', handoff: new FdPrimary(exchange, on) };
        }
        if (wanted === 'ipc' || wanted === 'auto')
            yield { name: 'ipc', handoff: this.#ipc(address) };
    }
    /** The descriptors that a process of the slot inherits. */
    inherit(slot) {
        return this.#exchange?.inherit(slot) ?? [];
    }
    /** What the page says of a slot; undefined where there is none. */
    counts(slot) {
        return this.#exchange?.counts(slot);
    }
    /** When every listener is closed and every process gone. */
    stop() {
        this.#exchange?.stop();
    }
    #ipc(address) {
        return new IpcPrimary(this.#ring, {
            address,
            queueMax: this.#options.queueMax,
            refused: (slot, reason) => this.#counters.refused(slot, reason),
            handed: (slot, diverted) => this.#counters.handed(slot, diverted),
        });
    }
}
