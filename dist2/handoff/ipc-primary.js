import { createServer } from 'node:net';
import { publish } from '../diagnostics.js';
import { bindError } from './bind-error.js';
import { sharedClockMs } from './shared-clock.js';
/**
 * The handoff that works everywhere: the primary accepts, and sends each raw handle over Node's IPC.
 *
 * The primary keeps its copy of a handle until the worker says `took`, which the worker does before it reads a byte. So a
 * connection whose worker dies or stalls is passed on unless that worker had taken it; and none is served twice:
 *
 *     primary → worker   { seq, at } + handle      here is one
 *     worker → primary   { took }                  mine; close your copy
 *                        { back }                  I take nothing new; give it to another
 *                        { claim }                 I was asleep when it came; is it still mine?
 *     primary → worker   { yours } | { gone }      the answer
 *     primary → worker   { probe }                 did all up to this one arrive?
 *     worker → primary   { passed }                what I have not taken by now was lost on the way
 */
/** Handles on the way to one worker at once. Node itself lets one travel at a time; a few keep its queue from running dry. */
const window = 4;
const probeEveryMs = 500;
export class IpcPrimary {
    name = 'ipc';
    #settings;
    #lanes = [];
    #sent = new Map();
    #peer = {};
    #ring;
    #server;
    #seq = 0;
    #turn = 0;
    #accepted = 0;
    #probe;
    #emptied;
    constructor(ring, settings) {
        this.#ring = ring;
        this.#settings = settings;
    }
    open() {
        const { address } = this.#settings;
        const server = createServer({ pauseOnConnect: true });
        return new Promise((resolve, reject) => {
            server.once('error', (error) => reject(bindError(error, address)));
            server.listen('path' in address ? { path: address.path, backlog: address.backlog } : withoutUndefined(address), () => {
                // As Node's own round robin does: the bare handle, so that no net.Socket is made for a connection that only passes through.
                server._handle.onconnection = (status, handle) => this.#arrived(status, handle);
                server.on('error', (error) => publish('limpet:fault', () => ({ where: 'listener', error })));
                this.#server = server;
                this.#probe = setInterval(() => this.#probeLost(), probeEveryMs);
                this.#probe.unref();
                const bound = server.address();
                resolve(typeof bound === 'string' || bound === null ? { path: String(bound) } : bound);
            });
        });
    }
    seat(seat) {
        this.#lane(seat.slot).seat = seat;
        this.#sent.set(seat, this.#sent.get(seat) ?? new Map());
        this.#pump(seat.slot);
    }
    unseat(seat, gone) {
        const lane = this.#lane(seat.slot);
        if (lane.seat === seat)
            lane.seat = undefined;
        if (!gone)
            return;
        const sent = this.#sent.get(seat);
        this.#sent.delete(seat);
        if (sent)
            this.#again([...sent.values()]);
        this.#settled();
    }
    retable(ring) {
        this.#ring = ring;
        this.#lanes.forEach((lane, slot) => {
            const moving = lane.queue.filter((waiting) => this.#owner(waiting.hash) !== slot);
            if (moving.length > 0)
                lane.queue = lane.queue.filter((waiting) => this.#owner(waiting.hash) === slot);
            if ((slot >= ring.size || ring.isDown(slot)) && lane.seat)
                moving.unshift(...this.#takeBack(lane.seat));
            this.#again(moving);
        });
    }
    received(seat, message) {
        const sent = this.#sent.get(seat);
        if (typeof message.took === 'number') {
            const waiting = sent?.get(message.took);
            sent?.delete(message.took);
            waiting?.handle.close();
        }
        else if (typeof message.back === 'number') {
            const waiting = sent?.get(message.back);
            sent?.delete(message.back);
            if (waiting)
                this.#again([waiting]);
        }
        else if (typeof message.claim === 'number') {
            const waiting = sent?.get(message.claim);
            sent?.delete(message.claim);
            waiting?.handle.close();
            seat.send(waiting ? { yours: message.claim } : { gone: message.claim });
        }
        else if (typeof message.passed === 'number') {
            const upTo = message.passed;
            const lost = [...(sent ?? [])].filter(([seq]) => seq <= upTo);
            for (const [seq] of lost)
                sent?.delete(seq);
            this.#again(lost.map(([, waiting]) => waiting));
        }
        this.#pump(seat.slot);
        this.#settled();
    }
    queued(slot) {
        return this.#lanes[slot]?.queue.length ?? 0;
    }
    async close(timeoutMs) {
        const server = this.#server;
        if (!server)
            return 0;
        this.#server = undefined;
        // libuv takes connections from the kernel's queue turn by turn: it is empty when two turns in a row brought none.
        const deadline = sharedClockMs() + Math.min(timeoutMs, 1000);
        for (let quiet = 0; quiet < 2 && sharedClockMs() < deadline;) {
            const before = this.#accepted;
            await new Promise((resolve) => setImmediate(resolve));
            quiet = this.#accepted === before ? quiet + 1 : 0;
        }
        server.close();
        let timer;
        await new Promise((resolve) => {
            this.#emptied = resolve;
            timer = setTimeout(resolve, timeoutMs);
            this.#settled();
        });
        clearTimeout(timer);
        clearInterval(this.#probe);
        let left = 0;
        this.#lanes.forEach((lane, slot) => {
            for (const waiting of lane.queue.splice(0)) {
                left += 1;
                this.#refuse(waiting.handle, slot, 'closing');
            }
        });
        for (const sent of this.#sent.values())
            for (const waiting of sent.values())
                waiting.handle.close();
        this.#sent.clear();
        return left;
    }
    #arrived(status, handle) {
        if (status !== 0 || !handle) {
            publish('limpet:fault', () => ({ where: 'accept', error: status }));
            return;
        }
        this.#accepted += 1;
        const slot = this.#enqueue({ handle, hash: this.#hashOf(handle), sentAt: 0 });
        if (slot !== undefined)
            this.#pump(slot);
    }
    #hashOf(handle) {
        this.#peer.address = '';
        // A unix-domain client has no address, and one that has reset already has none any more: any slot will do.
        if (handle.getpeername?.(this.#peer) !== 0 || !this.#peer.address) {
            this.#turn += 1;
            return Math.imul(this.#turn, 0x9e3779b1) >>> 0;
        }
        return this.#ring.hashOfAddress(this.#peer.address);
    }
    /** The slot that serves the hash now; its home while no slot is up. */
    #owner(hash) {
        const owner = this.#ring.slotOfHash(hash);
        return owner === -1 ? this.#ring.homeOfHash(hash) : owner;
    }
    #enqueue(waiting) {
        const slot = this.#owner(waiting.hash);
        const lane = this.#lane(slot);
        if (lane.queue.length >= this.#settings.queueMax) {
            this.#refuse(waiting.handle, slot, 'queue full');
            return undefined;
        }
        lane.queue.push(waiting);
        return slot;
    }
    #again(moving) {
        const slots = new Set(moving.map((waiting) => this.#enqueue(waiting)));
        for (const slot of slots)
            if (slot !== undefined)
                this.#pump(slot);
    }
    #pump(slot) {
        const lane = this.#lane(slot);
        const { seat } = lane;
        if (!seat || (slot < this.#ring.size && this.#ring.isDown(slot)))
            return;
        const sent = this.#sent.get(seat);
        while (lane.queue.length > 0 && sent.size < window) {
            const waiting = lane.queue.shift();
            this.#seq += 1;
            waiting.sentAt = sharedClockMs();
            if (!seat.send({ seq: this.#seq, at: waiting.sentAt }, waiting.handle)) {
                lane.queue.unshift(waiting);
                return;
            }
            sent.set(this.#seq, waiting);
            this.#settings.handed(slot, this.#ring.homeOfHash(waiting.hash) !== slot);
        }
    }
    #takeBack(seat) {
        const sent = this.#sent.get(seat);
        const back = [...(sent?.values() ?? [])];
        sent?.clear();
        return back;
    }
    #probeLost() {
        const overdue = sharedClockMs() - probeEveryMs;
        for (const [seat, sent] of this.#sent) {
            const last = [...sent].filter(([, waiting]) => waiting.sentAt < overdue).at(-1);
            if (last)
                seat.send({ probe: last[0] });
        }
    }
    #settled() {
        if (!this.#emptied)
            return;
        const waiting = this.#lanes.some((lane) => lane.queue.length > 0) ||
            [...this.#sent.values()].some((sent) => sent.size > 0);
        if (!waiting)
            this.#emptied();
    }
    #refuse(handle, slot, reason) {
        handle.close();
        this.#settings.refused(slot, reason);
    }
    #lane(slot) {
        this.#lanes[slot] ??= { queue: [], seat: undefined };
        return this.#lanes[slot];
    }
}
function withoutUndefined(address) {
    return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined));
}
