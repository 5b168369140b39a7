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

/** How a client without a session is given a worker. */
export type Balancing = 'random' | 'round-robin' | 'least-connection';

interface Adopted {
  readonly worker: Worker;
  readonly endpoint: WorkerEndpoint;
  readonly workerIndex: number;
  attached: boolean;
}

const listener = 0;
const workerIndexMax = 256;
const beatMs = 250;

/**
 * Serves an app that forks its own workers, as @socket.io/sticky does: they ask for a place, and get the connections of their
 * Socket.IO sessions, over ipc. A worker that ends, its slot and its sessions are gone; the next one takes the free slot.
 */
export class AdoptingRouter extends EventEmitter<{ closed: [] }> {
  readonly #options = checkRouterOptions({ affinity: 'socket.io', workers: 1 });
  readonly #affinity: RouterAffinity;
  readonly #ring: SlotRing;
  readonly #handoff: IpcPrimary;
  readonly #opened: Promise<BoundAddress>;
  readonly #places: Map<number, Adopted> = new Map();
  #workerIndexes = 0;
  #closing = false;

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
      pending: { ...this.#options, chain: this.#affinity.of({ kind: 'node', tls: false }).chain },
      newClients: balancing === 'least-connection' ? 'least-connections' : balancing,
      maxLoad: 0,
    });
    this.#opened = this.#handoff.open();
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.#meet(worker);
    cluster.on('fork', this.#meet);
  }

  /** Rejects with ERR_LIMPET_ADDRESS_*. */
  get opened(): Promise<BoundAddress> {
    return this.#opened;
  }

  /** Takes nothing new; the workers are the app's. Resolves when all that came was taken. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    cluster.off('fork', this.#meet);
    await this.#handoff.close(this.#places.size > 0 ? this.#options.drainTimeoutMs : 0);
    this.#affinity.close();
    this.emit('closed');
  }

  readonly #meet = (worker: Worker): void => {
    receive<WorkerMessage>(worker.process, (message, handle) => {
      const place = [...this.#places.values()].find((each) => each.worker === worker);
      if (message.type === 'adopt') this.#adopt(worker);
      else if (message.type === 'listen') this.#bind(worker, message.key);
      else if (!place) handle?.close();
      else if (message.type === 'open') this.#endpoint(place);
      else if (message.type === 'handoff') this.#handoff.received(place.endpoint, message.body);
      else if (message.type === 'leaving') this.#detach(place, false);
    });
    worker.once('exit', () => {
      for (const [slot, place] of this.#places) {
        if (place.worker !== worker) continue;
        this.#places.delete(slot);
        this.#detach(place, true);
      }
    });
  };

  #adopt(worker: Worker): void {
    let slot = 0;
    while (this.#places.has(slot)) slot += 1;
    const workerIndex = this.#workerIndexes++ % workerIndexMax;
    const tell = (message: PrimaryMessage): void => {
      send(worker.process, message);
    };
    const endpoint: WorkerEndpoint = {
      slot,
      workerIndex,
      send: (body, handle) => send(worker.process, { type: 'handoff', listener, body }, handle),
    };
    this.#places.set(slot, { worker, endpoint, workerIndex, attached: false });
    const { drainTimeoutMs, noticeMs } = this.#options;
    tell({
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

  #bind(worker: Worker, key: string): void {
    const settings = {
      stallTimeoutMs: this.#options.stallTimeoutMs,
      loadBounded: false,
      loadCounts: true,
      affinity: this.#affinity.pass(this.#ring),
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
      // Told by the primary's own server.
      () => {},
    );
  }

  #endpoint(place: Adopted): void {
    const { slot } = place.endpoint;
    if (slot >= this.#ring.size) {
      const before = this.#ring.size;
      this.#ring.resize(slot + 1);
      for (let empty = before; empty < slot; empty++) this.#ring.down(empty);
    } else {
      this.#ring.up(slot);
    }
    place.attached = true;
    this.#handoff.attach(place.endpoint);
    this.#handoff.updateRing(this.#ring);
    send<PrimaryMessage>(place.worker.process, { type: 'assigned' });
    this.#sendPeers();
  }

  #detach(place: Adopted, gone: boolean): void {
    this.#handoff.detach(place.endpoint, gone);
    if (place.attached) {
      place.attached = false;
      this.#ring.down(place.endpoint.slot);
      this.#handoff.updateRing(this.#ring);
    }
    this.#sendPeers();
  }

  #sendPeers(): void {
    const places = [...this.#places.values()];
    const table = {
      slots: this.#ring.size,
      down: Array.from({ length: this.#ring.size }, (_, slot) => slot).filter((slot) =>
        this.#ring.isDown(slot),
      ),
      processes: places.map(({ endpoint, workerIndex, attached }) => ({
        slot: endpoint.slot,
        workerIndex,
        attached,
      })),
    };
    for (const { worker } of places) send<PrimaryMessage>(worker.process, { type: 'peers', table });
  }
}
