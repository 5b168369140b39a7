import type { RawHandle } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { WorkerEndpoint } from '../contract.js';
import type { InFlight, QueuedConnection } from './in-flight.js';
import type { SlotChoice } from './slot-choice.js';

export interface SlotQueuesSettings {
  /** The most connections that wait for one slot. */
  readonly queueMax: number;
  /** A connection was closed unserved. */
  readonly refused: (slot: number, reason: string) => void;
  /** A connection was sent to the worker of `slot`; `home` is its home, or the slot that it is pinned to. */
  readonly handed: (slot: number, home: number) => void;
}

interface SlotQueue {
  waiting: QueuedConnection[];
  /** The worker in the slot, if it takes connections. */
  endpoint: WorkerEndpoint | undefined;
}

/** A queue for each slot: connections wait there until the slot's worker has room for them. */
export class SlotQueues {
  readonly #settings: SlotQueuesSettings;
  readonly #choice: SlotChoice;
  readonly #inFlight: InFlight;
  readonly #queues: SlotQueue[] = [];
  #ring: SlotRing;

  constructor(ring: SlotRing, settings: SlotQueuesSettings, choice: SlotChoice, inFlight: InFlight) {
    this.#ring = ring;
    this.#settings = settings;
    this.#choice = choice;
    this.#inFlight = inFlight;
  }

  /** The worker takes the connections of its slot. The queue is not sent yet: see {@link send}. */
  attach(endpoint: WorkerEndpoint): void {
    this.#queueOf(endpoint.slot).endpoint = endpoint;
  }

  /** The worker takes no more connections. No-op if another worker has been attached to the slot. */
  detach(endpoint: WorkerEndpoint): void {
    if (this.isAttached(endpoint)) this.#queueOf(endpoint.slot).endpoint = undefined;
  }

  isAttached(endpoint: WorkerEndpoint): boolean {
    return this.#queues[endpoint.slot]?.endpoint === endpoint;
  }

  /** Connections that wait for the slot. */
  count(slot: number): number {
    return this.#queues[slot]?.waiting.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.#queues.every(({ waiting }) => waiting.length === 0);
  }

  /** Queues the connection for the slot that serves it now, and sends what has room. If the queue is full, the connection is closed. */
  add(connection: QueuedConnection): void {
    const slot = this.#enqueue(connection);
    if (slot !== undefined) this.send(slot);
  }

  /** The same for several connections. All are queued, in order, before the first is sent. */
  addAll(connections: readonly QueuedConnection[]): void {
    const slots = new Set(connections.map((connection) => this.#enqueue(connection)));
    for (const slot of slots) if (slot !== undefined) this.send(slot);
  }

  /** Sends waiting connections to the slot's worker while it has room. Sends nothing to a slot that is down. */
  send(slot: number): void {
    const queue = this.#queueOf(slot);
    const { endpoint } = queue;
    if (!endpoint || (slot < this.#ring.size && this.#ring.isDown(slot))) return;
    while (queue.waiting.length > 0 && this.#inFlight.hasRoom(endpoint)) {
      const connection = queue.waiting.shift() as QueuedConnection;
      if (!this.#inFlight.send(endpoint, connection)) {
        queue.waiting.unshift(connection);
        return;
      }
      this.#settings.handed(slot, connection.pinned ?? this.#ring.homeOfHash(connection.hash));
    }
  }

  /** Moves the connections that other slots serve from now on, and takes back those in flight to workers of slots that are down. */
  updateRing(ring: SlotRing): void {
    this.#ring = ring;
    this.#queues.forEach((queue, slot) => {
      const moving = queue.waiting.filter((connection) => this.#choice.owner(connection) !== slot);
      if (moving.length > 0)
        queue.waiting = queue.waiting.filter((connection) => this.#choice.owner(connection) === slot);
      // A healthy worker may have a `took` message in flight, also if its slot is taken away. It returns the rest itself.
      if (slot < ring.size && ring.isDown(slot) && queue.endpoint)
        moving.unshift(...this.#inFlight.takeBack(queue.endpoint));
      this.addAll(moving);
    });
  }

  /** Closes all waiting connections and returns their number. */
  closeAll(): number {
    let closed = 0;
    this.#queues.forEach(({ waiting }, slot) => {
      for (const { handle } of waiting.splice(0)) {
        closed += 1;
        this.#refuse(handle, slot, 'closing');
      }
    });
    return closed;
  }

  /** The slot whose queue has the connection now; undefined if that queue was full. */
  #enqueue(connection: QueuedConnection): number | undefined {
    const slot = this.#choice.owner(connection);
    const { waiting } = this.#queueOf(slot);
    if (waiting.length >= this.#settings.queueMax) {
      this.#refuse(connection.handle, slot, 'queue full');
      return undefined;
    }
    waiting.push(connection);
    return slot;
  }

  #refuse(handle: RawHandle, slot: number, reason: string): void {
    handle.close();
    this.#settings.refused(slot, reason);
  }

  #queueOf(slot: number): SlotQueue {
    this.#queues[slot] ??= { waiting: [], endpoint: undefined };
    return this.#queues[slot];
  }
}
