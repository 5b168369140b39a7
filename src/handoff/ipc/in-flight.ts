import type { ProxiedClient, RawHandle } from '../../connection.js';
import type { WorkerEndpoint } from '../contract.js';
import { sharedClockMs } from './protocol.js';
import type { SlotChoiceResult } from './slot-choice.js';

/** Handles on the way to one worker at once. Node itself lets one travel at a time; a few keep its queue from running dry. */
const window = 4;
const probeEveryMs = 500;

/** A connection that no process has taken yet. */
export interface QueuedConnection extends SlotChoiceResult {
  readonly handle: RawHandle;
  readonly client?: ProxiedClient | undefined;
  /** What was read from it. */
  readonly read?: Buffer;
  /** When it was known whose it is, ms on the shared clock. */
  readonly placedAt: number;
  sentAt: number;
}

/** What each process was sent and has not taken yet, and how much of what it took is open. */
export class InFlight {
  readonly #sent: Map<WorkerEndpoint, Map<number, QueuedConnection>> = new Map();
  /** Connections that are open in a process. */
  readonly #open: Map<WorkerEndpoint, number> = new Map();
  #seq = 0;
  #probe: NodeJS.Timeout | undefined;

  attach(endpoint: WorkerEndpoint): void {
    this.#sent.set(endpoint, this.#sent.get(endpoint) ?? new Map());
  }

  /** The process is gone: what it had not taken. */
  detach(endpoint: WorkerEndpoint): QueuedConnection[] {
    const sent = this.#sent.get(endpoint);
    this.#sent.delete(endpoint);
    this.#open.delete(endpoint);
    return [...(sent?.values() ?? [])];
  }

  hasRoom(endpoint: WorkerEndpoint): boolean {
    return (this.#sent.get(endpoint)?.size ?? window) < window;
  }

  /** False when the channel is closed: then it is not on its way. */
  send(endpoint: WorkerEndpoint, waiting: QueuedConnection): boolean {
    const sent = this.#sent.get(endpoint);
    this.#seq += 1;
    waiting.sentAt = sharedClockMs();
    const { client, read } = waiting;
    const message = { seq: this.#seq, at: waiting.sentAt, client, read: read?.toString('base64') };
    if (!endpoint.send(message, waiting.handle)) return false;
    sent?.set(this.#seq, waiting);
    return true;
  }

  /** What the process has answered for is on its way no longer; undefined where it had been taken back. */
  answered(endpoint: WorkerEndpoint, seq: number): QueuedConnection | undefined {
    const sent = this.#sent.get(endpoint);
    const waiting = sent?.get(seq);
    sent?.delete(seq);
    return waiting;
  }

  /** The process has heard all up to `seq`: what of that it has not taken was lost on the way. */
  lost(endpoint: WorkerEndpoint, seq: number): QueuedConnection[] {
    const sent = this.#sent.get(endpoint);
    const lost = [...(sent ?? [])].filter(([each]) => each <= seq);
    for (const [each] of lost) sent?.delete(each);
    return lost.map(([, waiting]) => waiting);
  }

  takeBack(endpoint: WorkerEndpoint): QueuedConnection[] {
    const sent = this.#sent.get(endpoint);
    const back = [...(sent?.values() ?? [])];
    sent?.clear();
    return back;
  }

  /** So many more connections are open in the process. What it had said before it was gone, and is heard after, counts no longer. */
  countOpen(endpoint: WorkerEndpoint, more: number): void {
    if (!this.#sent.has(endpoint)) return;
    this.#open.set(endpoint, (this.#open.get(endpoint) ?? 0) + more);
  }

  /** Adds to each slot's load what is open in its processes, or on its way there. */
  addTo(loads: number[]): void {
    for (const [{ slot }, open] of this.#open)
      if (slot < loads.length) loads[slot] = (loads[slot] as number) + open;
    for (const [{ slot }, sent] of this.#sent)
      if (slot < loads.length) loads[slot] = (loads[slot] as number) + sent.size;
  }

  get empty(): boolean {
    return ![...this.#sent.values()].some((sent) => sent.size > 0);
  }

  /** From now on each process is asked whether all arrived that it was sent long ago. */
  startProbing(): void {
    this.#probe = setInterval(() => this.#probeLost(), probeEveryMs);
    this.#probe.unref();
  }

  stopProbing(): void {
    clearInterval(this.#probe);
  }

  /** Closes the copies of all that is on its way. */
  closeAll(): void {
    for (const sent of this.#sent.values()) for (const waiting of sent.values()) waiting.handle.close();
    this.#sent.clear();
  }

  #probeLost(): void {
    const overdue = sharedClockMs() - probeEveryMs;
    for (const [endpoint, sent] of this.#sent) {
      const last = [...sent].filter(([, waiting]) => waiting.sentAt < overdue).at(-1);
      if (last) endpoint.send({ probe: last[0] });
    }
  }
}
