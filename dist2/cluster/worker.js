import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { url as inspectorUrl } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import { handoffBinding } from '../binding/handoff-binding.js';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';
import { FdWorker } from '../handoff/fd-worker.js';
import { Intake } from '../handoff/intake.js';
import { IpcWorker } from '../handoff/ipc-worker.js';
import { KernelWorker } from '../handoff/kernel-worker.js';
import { seatPassVariable } from './fork.js';
import { ListenerKeys } from './listener-key.js';
import { receive, send } from './messages.js';
/** This process in its slot. In a process that limpet did not fork, `slot` is undefined and nothing ever happens. */
export class LimpetWorker extends EventEmitter {
    /** The slot of this process, 0 to N-1; a replacement has the same. */
    slot;
    /** Resolves when this process is given its slot's clients. */
    ready;
    #pass;
    #intake;
    #waiting = new Map();
    #listening = new Map();
    #keys = new ListenerKeys();
    #seated = () => { };
    #leaving = false;
    #beatAt = 0;
    #lagMs = 0;
    constructor() {
        super();
        this.ready = new Promise((resolve) => {
            this.#seated = resolve;
        });
        const pass = process.env[seatPassVariable];
        if (!cluster.isWorker || pass === undefined)
            return;
        delete process.env[seatPassVariable];
        this.slot = Number(process.env.LIMPET_SLOT);
        this.#pass = JSON.parse(pass);
        const { row, inherited } = this.#pass;
        if (inherited.count > 0) {
            this.#intake = new Intake(handoffBinding(), {
                slot: this.slot,
                row,
                channel: inherited.from,
                page: inherited.from + 1,
            });
        }
        receive(process, (message, handle) => {
            if (message.type === 'handoff')
                this.#listening.get(message.listener)?.half?.received(message.body, handle);
            else
                this.#received(message);
        });
        // Without its primary a worker finishes what it has and goes.
        process.once('disconnect', () => this.leave('the primary is gone', this.#pass?.drainTimeoutMs ?? 0));
        if (this.#pass.signals) {
            process.on('SIGTERM', () => this.leave('SIGTERM', this.#pass?.drainTimeoutMs ?? 0));
            // A terminal sends Ctrl-C to the whole group: the primary decides what becomes of its workers.
            process.on('SIGINT', () => { });
            process.on('SIGHUP', () => { });
        }
        const beat = setInterval(() => this.#beat(), this.#pass.beatMs);
        beat.unref();
    }
    /** Makes the app's server serve this slot's share of the address. Throws ERR_LIMPET_ROLE in a worker that limpet did not fork. */
    listen(served, address) {
        if (!this.#pass) {
            throw new LimpetError('ERR_LIMPET_ROLE', 'listen() was called in a cluster worker that limpet did not fork. Remove cluster.fork() from the primary: limpet.listen() forks.');
        }
        const listening = {
            adapter: served.adapter(() => this.leave('its server was closed', this.#pass?.drainTimeoutMs ?? 0)),
            backlog: address.backlog,
            half: undefined,
        };
        const key = this.#keys.of(address);
        this.#waiting.set(key, listening);
        this.#send({ type: 'listen', key, address, server: { kind: served.kind, tls: served.tls } });
    }
    /** Takes nothing new, finishes what is open, closes the rest after `timeoutMs`, then exits with code 0. */
    leave(reason, timeoutMs) {
        if (this.#leaving)
            return;
        this.#leaving = true;
        this.#send({ type: 'leaving', reason });
        this.#stop();
        const deadline = Date.now() + timeoutMs;
        const adapters = [...this.#listening.values(), ...this.#waiting.values()].map(({ adapter }) => adapter);
        this.emit('drain', deadline, reason);
        const drained = Promise.all(adapters.map((adapter) => new Promise((done) => adapter.drain(done))));
        const late = setTimeout(() => {
            for (const adapter of adapters)
                adapter.closeAll();
            setTimeout(() => process.exit(0), lastWordsMs);
        }, timeoutMs);
        drained.then(() => {
            clearTimeout(late);
            // What the last connections wrote is with the kernel; what the app does on 'close' gets its turn first.
            setImmediate(() => process.exit(0));
        });
    }
    #received(message) {
        switch (message.type) {
            case 'bound':
                this.#bound(message);
                break;
            case 'unbound':
                this.#unbound(message);
                break;
            case 'seated':
                this.#seated();
                break;
            case 'stop':
                this.#stop();
                break;
            case 'drain':
                this.leave(message.reason, message.timeoutMs);
        }
    }
    #bound({ key, listener, address, handoff, settings }) {
        const listening = this.#waiting.get(key);
        if (!listening)
            return;
        this.#waiting.delete(key);
        if (this.#leaving)
            return;
        listening.half = this.#halfOf(handoff, listener, listening.adapter, settings.stallTimeoutMs);
        this.#listening.set(listener, listening);
        listening.adapter.listen(address, listening.backlog);
        this.#send({ type: 'open', listener });
    }
    #halfOf(handoff, listener, adapter, stallTimeoutMs) {
        const send = (body) => this.#send({ type: 'handoff', listener, body });
        const intake = this.#intake;
        if (handoff === 'ipc' || !intake)
            return new IpcWorker(adapter, send, stallTimeoutMs);
        adapter.onClosed = () => intake.countClosed();
        return handoff === 'kernel'
            ? new KernelWorker(intake, listener, adapter, send)
            : new FdWorker(intake, listener, adapter);
    }
    #unbound({ key, code, text }) {
        const listening = this.#waiting.get(key);
        this.#waiting.delete(key);
        listening?.adapter.failed(new LimpetError(code, text));
    }
    #stop() {
        let left = this.#listening.size;
        const stopped = () => {
            left -= 1;
            if (left <= 0)
                this.#send({ type: 'stopped' });
        };
        if (left === 0)
            stopped();
        for (const { half } of this.#listening.values())
            half?.stop(stopped);
    }
    #beat() {
        const now = performance.now();
        const everyMs = this.#pass?.beatMs ?? 0;
        if (this.#beatAt > 0)
            this.#lagMs = Math.max(0, Math.round(now - this.#beatAt - everyMs));
        this.#beatAt = now;
        let open = 0;
        for (const { adapter } of this.#listening.values())
            open += adapter.open;
        const rssBytes = process.memoryUsage.rss();
        this.#send({ type: 'beat', open, lagMs: this.#lagMs, rssBytes, debugger: inspectorUrl() !== undefined });
    }
    #send(message) {
        if (!send(process, message))
            publish('limpet:fault', () => ({ where: 'channel to the primary', error: message.type }));
    }
}
/** Time for closing frames to reach the kernel. */
const lastWordsMs = 50;
export const worker = new LimpetWorker();
