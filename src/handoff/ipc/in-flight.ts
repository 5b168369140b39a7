import type { ProxiedClient, RawHandle } from '../../connection.js';
import type { WorkerEndpoint } from '../contract.js';
import { type Delivery, sharedClockMs, type ToWorker } from './protocol.js';
import type { SlotChoiceResult } from './slot-choice.js';

/** The most handles that are in flight to one worker. Node sends one at a time; a few more keep its queue from running dry. */
const inFlightMax = 4;
const probeEveryMs = 500;

/** A connection that no worker has taken yet. */
export interface QueuedConnection extends SlotChoiceResult {
  readonly handle: RawHandle;
  readonly client?: ProxiedClient | undefined;
  /** The bytes that were read from the connection. */
  readonly read?: Buffer;
  /** When the client was known, in ms of the shared clock. */
  readonly placedAt: number;
  /** When the connection was last sent to a worker, in ms of the shared clock; 0 before. */
  sentAt: number;
}

/** The ledger of ipc: for each worker, the connections in flight to it, and how many of those that it took are open. */
export class InFlight {
  readonly #sent: Map<WorkerEndpoint, Map<number, QueuedConnection>> = new Map();
  readonly #open: Map<WorkerEndpoint, number> = new Map();
  #seq = 0;
  #probe: NodeJS.Timeout | undefined;

  /** Begins to count for the worker. A second call changes nothing. */
  attach(endpoint: WorkerEndpoint): void {
    this.#sent.set(endpoint, this.#sent.get(endpoint) ?? new Map());
  }

  /** Forgets a worker that has exited. Returns the connections that it had not taken. */
  detach(endpoint: WorkerEndpoint): QueuedConnection[] {
    const sent = this.#sent.get(endpoint);
    this.#sent.delete(endpoint);
    this.#open.delete(endpoint);
    return [...(sent?.values() ?? [])];
  }

  /** False also for a worker that is not attached. */
  hasRoom(endpoint: WorkerEndpoint): boolean {
    return (this.#sent.get(endpoint)?.size ?? inFlightMax) < inFlightMax;
  }

  /** Sends the connection to the worker. False if the worker's channel is closed; the connection is then not in flight. */
  send(endpoint: WorkerEndpoint, connection: QueuedConnection): boolean {
    this.#seq += 1;
    connection.sentAt = sharedClockMs();
    const { handle, client, read, sentAt } = connection;
    const delivery: Delivery = { seq: this.#seq, at: sentAt, client, read: read?.toString('base64') };
    if (!endpoint.send(delivery, handle)) return false;
    this.#sent.get(endpoint)?.set(this.#seq, connection);
    return true;
  }

  /** The worker has answered for the connection: it is no longer in flight. Undefined if it had been taken back. */
  remove(endpoint: WorkerEndpoint, seq: number): QueuedConnection | undefined {
    const sent = this.#sent.get(endpoint);
    const connection = sent?.get(seq);
    sent?.delete(seq);
    return connection;
  }

  /**
   * The worker has received every message up to the connection `seq`. Returns the connections up to that one for which it has not
   * answered: their handles were lost on the way.
   */
  removeLost(endpoint: WorkerEndpoint, seq: number): QueuedConnection[] {
    const sent = this.#sent.get(endpoint);
    const lost = [...(sent ?? [])].filter(([each]) => each <= seq);
    for (const [each] of lost) sent?.delete(each);
    return lost.map(([, connection]) => connection);
  }

  /** Takes back all connections in flight to the worker, which stays attached. */
  takeBack(endpoint: WorkerEndpoint): QueuedConnection[] {
    const sent = this.#sent.get(endpoint);
    const connections = [...(sent?.values() ?? [])];
    sent?.clear();
    return connections;
  }

  /** Adds to the count of open connections in the worker. Messages of a worker that has exited come late and do not count. */
  countOpen(endpoint: WorkerEndpoint, more: number): void {
    if (!this.#sent.has(endpoint)) return;
    this.#open.set(endpoint, (this.#open.get(endpoint) ?? 0) + more);
  }

  /** Adds to each slot's load the connections that are open in its workers or in flight to them. Slots beyond `loads` are left out. */
  addTo(loads: number[]): void {
    for (const [{ slot }, open] of this.#open)
      if (slot < loads.length) loads[slot] = (loads[slot] as number) + open;
    for (const [{ slot }, sent] of this.#sent)
      if (slot < loads.length) loads[slot] = (loads[slot] as number) + sent.size;
  }

  get isEmpty(): boolean {
    return ![...this.#sent.values()].some((sent) => sent.size > 0);
  }

  /** From now on, every 500 ms each worker is asked whether the handles arrived that were sent more than 500 ms before. */
  startProbing(): void {
    this.#probe = setInterval(() => this.#probeOverdue(), probeEveryMs);
    this.#probe.unref();
  }

  stopProbing(): void {
    clearInterval(this.#probe);
  }

  /** Closes the primary's copies of all connections in flight. */
  closeAll(): void {
    for (const sent of this.#sent.values()) for (const { handle } of sent.values()) handle.close();
    this.#sent.clear();
  }

  #probeOverdue(): void {
    const before = sharedClockMs() - probeEveryMs;
    for (const [endpoint, sent] of this.#sent) {
      const last = [...sent].filter(([, { sentAt }]) => sentAt < before).at(-1);
      if (last) endpoint.send({ probe: last[0] } satisfies ToWorker);
    }
  }
}
