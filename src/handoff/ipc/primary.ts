import { parseAddress } from '../../binding/typescript/ip-address.js';
import type { BoundAddress, RawHandle } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { HandoffMessage, PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { InFlight, type QueuedConnection } from './in-flight.js';
import { IpcListeners } from './listeners.js';
import { PendingHeads, type Placement } from './pending-heads.js';
import { sharedClockMs } from './protocol.js';
import type { IpcSettings } from './settings.js';
import { SlotChoice } from './slot-choice.js';

/**
 * The handoff that works everywhere: the primary accepts, and sends each raw handle over Node's IPC.
 *
 * The primary keeps its copy of a handle until the worker says `took`, which the worker does before it reads a byte. So a
 * connection whose worker dies or stalls is passed on unless that worker had taken it; and none is served twice:
 *
 *     primary → worker   { seq, at } + handle      here is one; with `client` and `read` where it was looked into
 *     worker → primary   { took }                  mine; close your copy
 *                        { back }                  I take nothing new; give it to another
 *                        { claim }                 I was halted when it came; is it still mine?
 *                        { closed }                so many that I had taken are closed, where connections go by load
 *     primary → worker   { yours } | { gone }      the answer
 *     primary → worker   { probe }                 did all up to this one arrive?
 *     worker → primary   { passed }                what I have not taken by now was lost on the way
 */

/** What waits for a slot, and who sits there. */
interface SlotQueue {
  waiting: QueuedConnection[];
  endpoint: WorkerEndpoint | undefined;
}

export class IpcPrimary implements PrimaryHandoff {
  readonly name = 'ipc';
  readonly #settings: IpcSettings;
  readonly #queues: SlotQueue[] = [];
  readonly #listeners: IpcListeners;
  readonly #choice: SlotChoice;
  readonly #inFlight: InFlight = new InFlight();
  readonly #peer: { address?: string; port?: number } = {};
  readonly #heads: PendingHeads | undefined;
  #ring: SlotRing;
  #onEmptied: (() => void) | undefined;

  constructor(ring: SlotRing, settings: IpcSettings) {
    this.#ring = ring;
    this.#settings = settings;
    this.#choice = new SlotChoice(ring, settings, () => this.#loads());
    this.#listeners = new IpcListeners(settings, (handle, slot) => this.#accepted(handle, slot));
    if (settings.pending) {
      this.#heads = new PendingHeads(
        settings.pending,
        (handle, placement) => this.#placed(handle, placement),
        (refusal) => {
          settings.rejected(refusal);
          this.#resolveEmptied();
        },
      );
    }
  }

  async open(): Promise<BoundAddress> {
    const bound = await this.#listeners.open(this.#ring.size);
    this.#inFlight.startProbing();
    return bound;
  }

  openDirectPorts(slots: number): Promise<void> {
    return this.#listeners.openDirectPorts(slots);
  }

  attach(endpoint: WorkerEndpoint): void {
    this.#queueOf(endpoint.slot).endpoint = endpoint;
    this.#inFlight.attach(endpoint);
    this.#listeners.start();
    this.#sendQueued(endpoint.slot);
  }

  detach(endpoint: WorkerEndpoint, gone: boolean): void {
    const lane = this.#queueOf(endpoint.slot);
    if (lane.endpoint === endpoint) lane.endpoint = undefined;
    if (!gone) return;
    this.#requeue(this.#inFlight.detach(endpoint));
    this.#resolveEmptied();
  }

  updateRing(ring: SlotRing): void {
    this.#ring = ring;
    this.#choice.updateRing(ring);
    this.#queues.forEach((lane, slot) => {
      const moving = lane.waiting.filter((waiting) => this.#choice.owner(waiting) !== slot);
      if (moving.length > 0)
        lane.waiting = lane.waiting.filter((waiting) => this.#choice.owner(waiting) === slot);
      // Of a process that is well, as that of a slot which is taken away, a `took` may be on its way: it gives back itself what it has not.
      if (slot < ring.size && ring.isDown(slot) && lane.endpoint)
        moving.unshift(...this.#inFlight.takeBack(lane.endpoint));
      this.#requeue(moving);
    });
  }

  received(endpoint: WorkerEndpoint, message: HandoffMessage): void {
    if (typeof message.took === 'number') {
      const waiting = this.#inFlight.answered(endpoint, message.took);
      if (waiting) this.#taken(endpoint, waiting);
      this.#inFlight.countOpen(endpoint, 1);
    } else if (typeof message.back === 'number') {
      const waiting = this.#inFlight.answered(endpoint, message.back);
      if (waiting) this.#requeue([waiting]);
    } else if (typeof message.claim === 'number') {
      const waiting = this.#inFlight.answered(endpoint, message.claim);
      // One that leaves has been told so meanwhile, and would be gone before it hears the answer.
      const stays = this.#queueOf(endpoint.slot).endpoint === endpoint;
      if (waiting && stays) {
        this.#taken(endpoint, waiting);
        this.#inFlight.countOpen(endpoint, 1);
      } else if (waiting) this.#requeue([waiting]);
      endpoint.send(waiting && stays ? { yours: message.claim } : { gone: message.claim });
    } else if (typeof message.closed === 'number') {
      this.#inFlight.countOpen(endpoint, -message.closed);
    } else if (typeof message.passed === 'number') {
      this.#requeue(this.#inFlight.lost(endpoint, message.passed));
    }
    this.#sendQueued(endpoint.slot);
    this.#resolveEmptied();
  }

  queued(slot: number): number {
    return this.#queues[slot]?.waiting.length ?? 0;
  }

  async close(timeoutMs: number): Promise<number> {
    if (!(await this.#listeners.close(timeoutMs))) return 0;
    this.#heads?.drop(false);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onEmptied = resolve;
      timer = setTimeout(resolve, timeoutMs);
      this.#resolveEmptied();
    });
    clearTimeout(timer);
    this.#inFlight.stopProbing();
    let left = this.#heads?.drop(true) ?? 0;
    this.#queues.forEach((lane, slot) => {
      for (const waiting of lane.waiting.splice(0)) {
        left += 1;
        this.#refuse(waiting.handle, slot, 'closing');
      }
    });
    this.#inFlight.closeAll();
    return left;
  }

  /** With a slot: by the slot's own port. */
  #accepted(handle: RawHandle, slot: number | undefined): void {
    if (slot === undefined && this.#heads) {
      this.#peer.address = '';
      handle.getpeername?.(this.#peer);
      // A unix-domain client is `::`.
      const peer = parseAddress(this.#peer.address.split('%')[0] as string) ?? new Uint8Array(16);
      this.#heads.admit(handle, peer, this.#peer.port ?? 0);
      return;
    }
    const { hash, pinned } = slot === undefined ? this.#choice.byPeer(handle) : this.#choice.byPort(slot);
    this.#queue({ handle, hash, pinned, placedAt: sharedClockMs(), sentAt: 0 });
  }

  #placed(handle: RawHandle, placement: Placement): void {
    const { hash, pinned } = this.#choice.byPlacement(placement);
    const { client, read } = placement;
    this.#queue({ handle, hash, pinned, client, read, placedAt: sharedClockMs(), sentAt: 0 });
    this.#resolveEmptied();
  }

  /** What is open in each slot, or on its way there; infinite where it is down. */
  #loads(): number[] {
    const loads = Array.from({ length: this.#ring.size }, (_, slot) =>
      this.#ring.isDown(slot) ? Number.POSITIVE_INFINITY : this.queued(slot),
    );
    this.#inFlight.addTo(loads);
    return loads;
  }

  #queue(waiting: QueuedConnection): void {
    const slot = this.#enqueue(waiting);
    if (slot !== undefined) this.#sendQueued(slot);
  }

  #enqueue(waiting: QueuedConnection): number | undefined {
    const slot = this.#choice.owner(waiting);
    const lane = this.#queueOf(slot);
    if (lane.waiting.length >= this.#settings.queueMax) {
      this.#refuse(waiting.handle, slot, 'queue full');
      return undefined;
    }
    lane.waiting.push(waiting);
    return slot;
  }

  #requeue(moving: QueuedConnection[]): void {
    const slots = new Set(moving.map((waiting) => this.#enqueue(waiting)));
    for (const slot of slots) if (slot !== undefined) this.#sendQueued(slot);
  }

  #sendQueued(slot: number): void {
    const lane = this.#queueOf(slot);
    const { endpoint } = lane;
    if (!endpoint || (slot < this.#ring.size && this.#ring.isDown(slot))) return;
    while (lane.waiting.length > 0 && this.#inFlight.hasRoom(endpoint)) {
      const waiting = lane.waiting.shift() as QueuedConnection;
      if (!this.#inFlight.send(endpoint, waiting)) {
        lane.waiting.unshift(waiting);
        return;
      }
      this.#settings.handed(slot, waiting.pinned ?? this.#ring.homeOfHash(waiting.hash));
    }
  }

  #taken(endpoint: WorkerEndpoint, { handle, placedAt }: QueuedConnection): void {
    handle.close();
    this.#settings.taken(endpoint.slot, sharedClockMs() - placedAt);
  }

  #resolveEmptied(): void {
    if (!this.#onEmptied) return;
    const waiting =
      (this.#heads?.size ?? 0) > 0 ||
      this.#queues.some((lane) => lane.waiting.length > 0) ||
      !this.#inFlight.empty;
    if (!waiting) this.#onEmptied();
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
