/** One listening address of the router: its handoff, and the processes that are seated for it. */
export class Listener {
    id;
    key;
    address;
    traits;
    handoff;
    choice;
    bound;
    /** Whether the primary itself asked for it: then every process must open it before it is ready. */
    declared = false;
    /** Settles once: with the address that was bound, or with the LimpetError that says why not. */
    opened;
    #seats = new Map();
    constructor(id, key, address, traits, handoffs) {
        this.id = id;
        this.key = key;
        this.address = address;
        this.traits = traits;
        const [first, ...others] = handoffs.candidates(id, address);
        this.handoff = first.handoff;
        this.choice = { name: first.name, reason: handoffs.onlyIpc || 'the first choice' };
        this.opened = this.#open(others);
        this.opened.catch(() => { });
    }
    seat(occupant) {
        if (this.#seats.has(occupant))
            return;
        const seat = occupant.seatFor(this.id);
        this.#seats.set(occupant, seat);
        this.handoff.seat(seat);
    }
    unseat(occupant, gone) {
        const seat = this.#seats.get(occupant);
        if (!seat)
            return;
        if (gone)
            this.#seats.delete(occupant);
        this.handoff.unseat(seat, gone);
    }
    received(occupant, message, handle) {
        const seat = this.#seats.get(occupant);
        if (seat)
            this.handoff.received(seat, message, handle);
        else
            handle?.close();
    }
    /** Opens with the handoff at hand, else, where that cannot be had here, with the next. */
    async #open(others) {
        for (;;) {
            try {
                this.bound = await this.handoff.open();
                return this.bound;
            }
            catch (error) {
                const next = others.shift();
                if (!next || error.code !== 'ERR_LIMPET_HANDOFF_UNSUPPORTED')
                    throw error;
                this.handoff = next.handoff;
                const { handoff, reason } = error.facts;
                this.choice = { name: next.name, reason: `${handoff} cannot be had: ${reason}` };
            }
        }
    }
}
