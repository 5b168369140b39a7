import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { BoundAddress, ListenAddress } from '../../connection.js';
import { BusiestClient } from '../../handoff/busiest-client.js';
import type { WorkerEndpoint } from '../../handoff/contract.js';
import { IpcPrimary } from '../../handoff/ipc/primary.js';
import { ListeningSockets } from '../../handoff/listening-sockets.js';
import { checkRouterOptions } from '../../options.js';
import { deriveKey } from '../../ring/secret.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { type PrimaryMessage, receive, send, type WorkerMessage } from '../protocol.js';
import { RouterAffinity } from './listeners/router-affinity.js';

/** The rule that chooses a slot for a client without a session. */
export type Balancing = 'random' | 'round-robin' | 'least-connection';

/** A worker process that the app has forked, in the slot that it asked for. */
interface AdoptedWorker {
  readonly worker: Worker;
  readonly endpoint: WorkerEndpoint;
  /** True while the process takes connections. */
  attached: boolean;
}

/** The number of the only listener. */
const listener = 0;
const workerIndexMax = 256;
const beatMs = 250;

/**
 * Serves an app that forks its own workers, as with @socket.io/sticky. A worker asks for a slot and gets the connections of its
 * Socket.IO sessions over `ipc`. When a worker ends, its sessions are lost, and the next worker that asks gets its slot.
 */
export class AdoptingRouter extends EventEmitter<{ closed: [] }> {
  readonly #options = checkRouterOptions({ affinity: 'socket.io', workers: 1 });
  readonly #affinity: RouterAffinity;
  readonly #ring: SlotRing;
  readonly #handoff: IpcPrimary;
  readonly #opened: Promise<BoundAddress>;
  readonly #bySlot: Map<number, AdoptedWorker> = new Map();
  #lastWorkerIndex = -1;
  #isClosing = false;

  /** Begins to listen at once. */
  constructor(address: ListenAddress, balancing: Balancing) {
    super();
    const secret = this.#options.secret ?? randomBytes(32).toString('hex');
    this.#affinity = new RouterAffinity(this.#options, secret);
    this.#ring = new SlotRing({ slots: 1, key: deriveKey(secret, 'ring', 8) });
    this.#ring.down(0);
    this.#handoff = new IpcPrimary(this.#ring, {
      sockets: new ListeningSockets(),
      key: 'adopted',
      address,
      queueMax: this.#options.queueMax,
      refused: () => {},
      rejected: () => {},
      handed: () => {},
      taken: () => {},
      busiest: new BusiestClient(),
      pending: { ...this.#options, chain: this.#affinity.compile({ kind: 'node', tls: false }).chain },
      newClients: balancing === 'least-connection' ? 'least-connections' : balancing,
      maxLoad: 0,
    });
    this.#opened = this.#handoff.open();
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.#watch(worker);
    cluster.on('fork', this.#watch);
  }

  /** Rejects with ERR_LIMPET_ADDRESS_*. */
  get opened(): Promise<BoundAddress> {
    return this.#opened;
  }

  /** Stops listening. Resolves when workers have taken all connections that had come. The workers run on, because they are the app's. */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    cluster.off('fork', this.#watch);
    await this.#handoff.close(this.#bySlot.size > 0 ? this.#options.drainTimeoutMs : 0);
    this.#affinity.close();
    this.emit('closed');
  }

  readonly #watch = (worker: Worker): void => {
    receive<WorkerMessage>(worker.process, (message, handle) => {
      const adopted = [...this.#bySlot.values()].find((each) => each.worker === worker);
      if (message.type === 'adopt') this.#adopt(worker);
      else if (message.type === 'listen') this.#answerListen(worker, message.key);
      else if (!adopted) handle?.close();
      else if (message.type === 'open') this.#attach(adopted);
      else if (message.type === 'handoff') this.#handoff.received(adopted.endpoint, message.body);
      else if (message.type === 'leaving') this.#detach(adopted, false);
    });
    worker.once('exit', () => {
      for (const [slot, adopted] of this.#bySlot) {
        if (adopted.worker !== worker) continue;
        this.#bySlot.delete(slot);
        this.#detach(adopted, true);
      }
    });
  };

  /** Gives the worker the lowest free slot. */
  #adopt(worker: Worker): void {
    let slot = 0;
    while (this.#bySlot.has(slot)) slot += 1;
    const workerIndex = this.#freeWorkerIndex();
    const endpoint: WorkerEndpoint = {
      slot,
      workerIndex,
      send: (body, handle) => send(worker.process, { type: 'handoff', listener, body }, handle),
    };
    this.#bySlot.set(slot, { worker, endpoint, attached: false });
    const { drainTimeoutMs, noticeMs } = this.#options;
    send<PrimaryMessage>(worker.process, {
      type: 'adopted',
      slot,
      pass: {
        workerIndex,
        drainTimeoutMs,
        noticeMs,
        beatMs,
        signals: false,
        inherited: { from: 0, count: 0 },
      },
    });
  }

  /** The next index in turn that no living worker has. In turn, so that the sids of a dead worker lead to no other one for long. */
  #freeWorkerIndex(): number {
    const used = new Set([...this.#bySlot.values()].map(({ endpoint }) => endpoint.workerIndex));
    do this.#lastWorkerIndex = (this.#lastWorkerIndex + 1) % workerIndexMax;
    while (used.has(this.#lastWorkerIndex) && used.size < workerIndexMax);
    return this.#lastWorkerIndex;
  }

  #answerListen(worker: Worker, key: string): void {
    const settings = {
      stallTimeoutMs: this.#options.stallTimeoutMs,
      loadBounded: false,
      loadCounts: true,
      affinity: this.#affinity.serializeSettings(this.#ring),
    };
    this.#opened.then(
      (address) =>
        send<PrimaryMessage>(worker.process, {
          type: 'bound',
          key,
          listener,
          address,
          handoff: 'ipc',
          direct: undefined,
          settings,
        }),
      // The primary's own server emits the error.
      () => {},
    );
  }

  #attach(adopted: AdoptedWorker): void {
    const { slot } = adopted.endpoint;
    if (slot >= this.#ring.size) {
      const before = this.#ring.size;
      this.#ring.resize(slot + 1);
      for (let empty = before; empty < slot; empty++) this.#ring.down(empty);
    } else {
      this.#ring.up(slot);
    }
    adopted.attached = true;
    this.#handoff.attach(adopted.endpoint);
    this.#handoff.updateRing(this.#ring);
    send<PrimaryMessage>(adopted.worker.process, { type: 'assigned' });
    this.#sendPeers();
  }

  #detach(adopted: AdoptedWorker, gone: boolean): void {
    this.#handoff.detach(adopted.endpoint, gone);
    if (adopted.attached) {
      adopted.attached = false;
      this.#ring.down(adopted.endpoint.slot);
      this.#handoff.updateRing(this.#ring);
    }
    this.#sendPeers();
  }

  #sendPeers(): void {
    const workers = [...this.#bySlot.values()];
    const slots = Array.from({ length: this.#ring.size }, (_, slot) => slot);
    const table = {
      slots: this.#ring.size,
      down: slots.filter((slot) => this.#ring.isDown(slot)),
      processes: workers.map(({ endpoint: { slot, workerIndex }, attached }) => ({
        slot,
        workerIndex,
        attached,
      })),
    };
    for (const { worker } of workers) send<PrimaryMessage>(worker.process, { type: 'peers', table });
  }
}
