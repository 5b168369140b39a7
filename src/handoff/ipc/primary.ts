import { parseAddress } from '../../binding/typescript/ip-address.js';
import type { BoundAddress, RawHandle } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { HandoffMessage, PrimaryHandoff, Seat } from '../contract.js';
import { IpcTransit, type Waiting } from './in-flight.js';
import { IpcListeners } from './listeners.js';
import { PendingHeads, type Placement } from './pending-heads.js';
import type { IpcSettings } from './settings.js';
import { sharedClockMs } from './shared-clock.js';
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
interface Lane {
  queue: Waiting[];
  seat: Seat | undefined;
}

export class IpcPrimary implements PrimaryHandoff {
  readonly name = 'ipc';
  readonly #settings: IpcSettings;
  readonly #lanes: Lane[] = [];
  readonly #listeners: IpcListeners;
  readonly #choice: SlotChoice;
  readonly #transit: IpcTransit = new IpcTransit();
  readonly #peer: { address?: string; port?: number } = {};
  readonly #heads: PendingHeads | undefined;
  #ring: SlotRing;
  #emptied: (() => void) | undefined;

  constructor(ring: SlotRing, settings: IpcSettings) {
    this.#ring = ring;
    this.#settings = settings;
    this.#choice = new SlotChoice(ring, settings, () => this.#loads());
    this.#listeners = new IpcListeners(settings, (handle, slot) => this.#arrived(handle, slot));
    if (settings.pending) {
      this.#heads = new PendingHeads(
        settings.pending,
        (handle, placement) => this.#placed(handle, placement),
        (refusal) => {
          settings.unplaced(refusal);
          this.#settled();
        },
      );
    }
  }

  async open(): Promise<BoundAddress> {
    const bound = await this.#listeners.open(this.#ring.size);
    this.#transit.startProbing();
    return bound;
  }

  provide(slots: number): Promise<void> {
    return this.#listeners.provide(slots);
  }

  seat(seat: Seat): void {
    this.#lane(seat.slot).seat = seat;
    this.#transit.seat(seat);
    this.#listeners.start();
    this.#pump(seat.slot);
  }

  unseat(seat: Seat, gone: boolean): void {
    const lane = this.#lane(seat.slot);
    if (lane.seat === seat) lane.seat = undefined;
    if (!gone) return;
    this.#again(this.#transit.unseat(seat));
    this.#settled();
  }

  retable(ring: SlotRing): void {
    this.#ring = ring;
    this.#choice.retable(ring);
    this.#lanes.forEach((lane, slot) => {
      const moving = lane.queue.filter((waiting) => this.#choice.owner(waiting) !== slot);
      if (moving.length > 0)
        lane.queue = lane.queue.filter((waiting) => this.#choice.owner(waiting) === slot);
      // Of a process that is well, as that of a slot which is taken away, a `took` may be on its way: it gives back itself what it has not.
      if (slot < ring.size && ring.isDown(slot) && lane.seat)
        moving.unshift(...this.#transit.takeBack(lane.seat));
      this.#again(moving);
    });
  }

  received(seat: Seat, message: HandoffMessage): void {
    if (typeof message.took === 'number') {
      const waiting = this.#transit.answered(seat, message.took);
      if (waiting) this.#taken(seat, waiting);
      this.#transit.countOpen(seat, 1);
    } else if (typeof message.back === 'number') {
      const waiting = this.#transit.answered(seat, message.back);
      if (waiting) this.#again([waiting]);
    } else if (typeof message.claim === 'number') {
      const waiting = this.#transit.answered(seat, message.claim);
      // One that leaves has been told so meanwhile, and would be gone before it hears the answer.
      const stays = this.#lane(seat.slot).seat === seat;
      if (waiting && stays) {
        this.#taken(seat, waiting);
        this.#transit.countOpen(seat, 1);
      } else if (waiting) this.#again([waiting]);
      seat.send(waiting && stays ? { yours: message.claim } : { gone: message.claim });
    } else if (typeof message.closed === 'number') {
      this.#transit.countOpen(seat, -message.closed);
    } else if (typeof message.passed === 'number') {
      this.#again(this.#transit.lost(seat, message.passed));
    }
    this.#pump(seat.slot);
    this.#settled();
  }

  queued(slot: number): number {
    return this.#lanes[slot]?.queue.length ?? 0;
  }

  async close(timeoutMs: number): Promise<number> {
    if (!(await this.#listeners.close(timeoutMs))) return 0;
    this.#heads?.drop(false);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
      timer = setTimeout(resolve, timeoutMs);
      this.#settled();
    });
    clearTimeout(timer);
    this.#transit.stopProbing();
    let left = this.#heads?.drop(true) ?? 0;
    this.#lanes.forEach((lane, slot) => {
      for (const waiting of lane.queue.splice(0)) {
        left += 1;
        this.#refuse(waiting.handle, slot, 'closing');
      }
    });
    this.#transit.drop();
    return left;
  }

  /** With a slot: by the slot's own port. */
  #arrived(handle: RawHandle, slot: number | undefined): void {
    if (slot === undefined && this.#heads) {
      this.#peer.address = '';
      handle.getpeername?.(this.#peer);
      // A unix-domain client is `::`.
      const peer = parseAddress(this.#peer.address.split('%')[0] as string) ?? new Uint8Array(16);
      this.#heads.admit(handle, peer, this.#peer.port ?? 0);
      return;
    }
    const { hash, pinned } = slot === undefined ? this.#choice.byPeer(handle) : this.#choice.byPort(slot);
    this.#pass({ handle, hash, pinned, placedAt: sharedClockMs(), sentAt: 0 });
  }

  #placed(handle: RawHandle, placement: Placement): void {
    const { hash, pinned } = this.#choice.byPlacement(placement);
    const { client, read } = placement;
    this.#pass({ handle, hash, pinned, client, read, placedAt: sharedClockMs(), sentAt: 0 });
    this.#settled();
  }

  /** What is open in each slot, or on its way there; infinite where it is down. */
  #loads(): number[] {
    const loads = Array.from({ length: this.#ring.size }, (_, slot) =>
      this.#ring.isDown(slot) ? Number.POSITIVE_INFINITY : this.queued(slot),
    );
    this.#transit.addTo(loads);
    return loads;
  }

  #pass(waiting: Waiting): void {
    const slot = this.#enqueue(waiting);
    if (slot !== undefined) this.#pump(slot);
  }

  #enqueue(waiting: Waiting): number | undefined {
    const slot = this.#choice.owner(waiting);
    const lane = this.#lane(slot);
    if (lane.queue.length >= this.#settings.queueMax) {
      this.#refuse(waiting.handle, slot, 'queue full');
      return undefined;
    }
    lane.queue.push(waiting);
    return slot;
  }

  #again(moving: Waiting[]): void {
    const slots = new Set(moving.map((waiting) => this.#enqueue(waiting)));
    for (const slot of slots) if (slot !== undefined) this.#pump(slot);
  }

  #pump(slot: number): void {
    const lane = this.#lane(slot);
    const { seat } = lane;
    if (!seat || (slot < this.#ring.size && this.#ring.isDown(slot))) return;
    while (lane.queue.length > 0 && this.#transit.hasRoom(seat)) {
      const waiting = lane.queue.shift() as Waiting;
      if (!this.#transit.send(seat, waiting)) {
        lane.queue.unshift(waiting);
        return;
      }
      this.#settings.handed(slot, waiting.pinned ?? this.#ring.homeOfHash(waiting.hash));
    }
  }

  #taken(seat: Seat, { handle, placedAt }: Waiting): void {
    handle.close();
    this.#settings.taken(seat.slot, sharedClockMs() - placedAt);
  }

  #settled(): void {
    if (!this.#emptied) return;
    const waiting =
      (this.#heads?.size ?? 0) > 0 ||
      this.#lanes.some((lane) => lane.queue.length > 0) ||
      !this.#transit.empty;
    if (!waiting) this.#emptied();
  }

  #refuse(handle: RawHandle, slot: number, reason: string): void {
    handle.close();
    this.#settings.refused(slot, reason);
  }

  #lane(slot: number): Lane {
    this.#lanes[slot] ??= { queue: [], seat: undefined };
    return this.#lanes[slot];
  }
}
