import { SharedPage } from '../binding/shared-page.js';
/**
 * What all `kernel` and `fd` listeners of a router share: the acceptor thread, a channel to each slot, and the page.
 * A process of a slot inherits both descriptors of {@link inherit}.
 */
export class Exchange {
    binding;
    page;
    acceptor;
    #rows = new Map();
    #kept = new Map();
    #seats = new Map();
    #settling = new Map();
    #homes = new Uint16Array(0);
    /** Throws the system's error when page or thread cannot be had. */
    constructor(binding, ring, queueMax) {
        this.binding = binding;
        this.page = SharedPage.create(binding);
        const { key, ipv6Prefix } = ring;
        this.acceptor = new binding.Acceptor({ page: this.page.fd, key, ipv6Prefix, queueMax }, () => this.#settled());
        this.retable(ring);
    }
    /** The descriptors that a process of the slot inherits: its channel's end, then the page. They stay the exchange's. */
    inherit(slot) {
        return [this.acceptor.channelEnd(slot), this.page.fd];
    }
    /** Tells acceptor and page the ring. */
    retable(ring) {
        const homes = ring.homeTable();
        const { key, ipv6Prefix } = ring;
        if (!sameTable(homes, this.#homes))
            this.page.steerBy({ key, ipv6Prefix, homes });
        this.#homes = homes;
        this.acceptor.retable(ring.live === 0 ? homes : ring.ownerTable(), homes);
    }
    /** The process takes the listener's connections that come through the channel. */
    seat(seat, listener) {
        this.#rows.set(seat.row, seat.slot);
        this.#seats.set(`${seat.slot}/${listener}`, seat);
        this.acceptor.seat(seat.slot, listener, seat.row);
    }
    /** It does no longer. False when it did not, since another had followed it. */
    unseat(seat, listener, gone) {
        const key = `${seat.slot}/${listener}`;
        const seated = this.#seats.get(key) === seat;
        if (seated) {
            this.#seats.delete(key);
            this.acceptor.unseat(seat.slot, listener);
        }
        if (gone)
            this.#keep(seat);
        return seated;
    }
    counts(slot) {
        const { handed, diverted, queued, refused } = this.page.slot(slot);
        const counts = { ...this.#keptOf(slot), open: 0, handed, diverted, queued, refused };
        for (const [row, at] of this.#rows) {
            if (at !== slot)
                continue;
            const { accepted, closed, missteered, starved } = this.page.worker(row);
            counts.accepted += accepted;
            counts.open += accepted - closed;
            counts.missteered += missteered;
            counts.starved += starved;
        }
        return counts;
    }
    /**
     * Accepts what waits in the kernel for the listener, closes its sockets, and resolves when all was taken by workers, or after
     * `timeoutMs`, with the number of connections that were then closed unserved.
     */
    async close(listener, timeoutMs) {
        let timer;
        const settled = new Promise((resolve) => {
            this.#settling.set(listener, resolve);
            timer = setTimeout(resolve, timeoutMs);
        });
        this.acceptor.closeListener(listener);
        this.#settled();
        await settled;
        clearTimeout(timer);
        this.#settling.delete(listener);
        return this.acceptor.abandon(listener);
    }
    /** Ends the thread and closes channels and page. Nothing may be called afterwards. */
    stop() {
        this.acceptor.stop();
        this.page.close();
    }
    /** What a process that is gone has counted is added to its slot's; its row is free again. */
    #keep(seat) {
        if (!this.#rows.delete(seat.row))
            return;
        const { accepted, closed, taking, missteered, starved } = this.page.worker(seat.row);
        const kept = this.#keptOf(seat.slot);
        kept.accepted += accepted;
        kept.missteered += missteered;
        kept.starved += starved;
        kept.lost += accepted + taking - closed;
        this.page.clearWorker(seat.row);
    }
    #settled() {
        for (const [listener, resolve] of this.#settling)
            if (this.acceptor.settled(listener))
                resolve();
    }
    #keptOf(slot) {
        const kept = this.#kept.get(slot) ?? { accepted: 0, missteered: 0, lost: 0, starved: 0 };
        this.#kept.set(slot, kept);
        return kept;
    }
}
/** Whether two tables of the ring are the same. */
export function sameTable(a, b) {
    return a.length === b.length && a.every((slot, bucket) => slot === b[bucket]);
}
