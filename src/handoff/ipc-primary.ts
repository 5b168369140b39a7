import { parseAddress } from '../binding/twin/ip-address.js';
import type { BoundAddress, ProxiedClient, RawHandle } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { HandoffMessage, PrimaryHandoff, Seat } from './contract.js';
import { directAddress, directKey } from './direct-ports.js';
import type { IpcSettings } from './ipc-settings.js';
import { PendingHeads, type Placement } from './pending-heads.js';
import { RawListener } from './raw-listener.js';
import { sharedClockMs } from './shared-clock.js';

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

/** Handles on the way to one worker at once. Node itself lets one travel at a time; a few keep its queue from running dry. */
const window = 4;
const probeEveryMs = 500;

interface Waiting {
  readonly handle: RawHandle;
  readonly hash: number;
  /** The slot that its client is to have instead, while that is up. */
  readonly pinned?: number | undefined;
  readonly client?: ProxiedClient | undefined;
  /** What was read from it. */
  readonly read?: Buffer;
  /** When it was known whose it is, ms on the shared clock. */
  readonly placedAt: number;
  sentAt: number;
}

interface Lane {
  queue: Waiting[];
  seat: Seat | undefined;
}

export class IpcPrimary implements PrimaryHandoff {
  readonly name = 'ipc';
  readonly #settings: IpcSettings;
  readonly #lanes: Lane[] = [];
  readonly #sent: Map<Seat, Map<number, Waiting>> = new Map();
  /** Connections that are open in a process. */
  readonly #open: Map<Seat, number> = new Map();
  readonly #peer: { address?: string; port?: number } = {};
  readonly #heads: PendingHeads | undefined;
  #ring: SlotRing;
  readonly #listeners: RawListener[] = [];
  #seq = 0;
  #turn = 0;
  #accepted = 0;
  #probe: NodeJS.Timeout | undefined;
  #emptied: (() => void) | undefined;

  constructor(ring: SlotRing, settings: IpcSettings) {
    this.#ring = ring;
    this.#settings = settings;
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
    const { direct } = this.#settings;
    if (direct) await this.provide(this.#ring.size);
    else this.#listeners.push(await RawListener.open(this.#settings, (handle) => this.#arrived(handle)));
    this.#probe = setInterval(() => this.#probeLost(), probeEveryMs);
    this.#probe.unref();
    return (this.#listeners[0] as RawListener).bound;
  }

  async provide(slots: number): Promise<void> {
    const { direct, sockets } = this.#settings;
    const before = this.#listeners.length;
    const closeFrom = (slot: number) => {
      for (const listener of this.#listeners.splice(slot)) listener.close();
    };
    if (!direct) return;
    closeFrom(slots);
    try {
      for (let slot = before; slot < slots; slot++) {
        const where = { sockets, key: directKey(direct, slot), address: directAddress(direct, slot) };
        this.#listeners.push(await RawListener.open(where, (handle) => this.#arrivedFor(slot, handle)));
      }
    } catch (error) {
      closeFrom(before);
      throw error;
    }
  }

  seat(seat: Seat): void {
    this.#lane(seat.slot).seat = seat;
    this.#sent.set(seat, this.#sent.get(seat) ?? new Map());
    for (const listener of this.#listeners) listener.start();
    this.#pump(seat.slot);
  }

  unseat(seat: Seat, gone: boolean): void {
    const lane = this.#lane(seat.slot);
    if (lane.seat === seat) lane.seat = undefined;
    if (!gone) return;
    const sent = this.#sent.get(seat);
    this.#sent.delete(seat);
    this.#open.delete(seat);
    if (sent) this.#again([...sent.values()]);
    this.#settled();
  }

  retable(ring: SlotRing): void {
    this.#ring = ring;
    this.#lanes.forEach((lane, slot) => {
      const moving = lane.queue.filter((waiting) => this.#owner(waiting) !== slot);
      if (moving.length > 0) lane.queue = lane.queue.filter((waiting) => this.#owner(waiting) === slot);
      // Of a process that is well, as that of a slot which is taken away, a `took` may be on its way: it gives back itself what it has not.
      if (slot < ring.size && ring.isDown(slot) && lane.seat) moving.unshift(...this.#takeBack(lane.seat));
      this.#again(moving);
    });
  }

  received(seat: Seat, message: HandoffMessage): void {
    const sent = this.#sent.get(seat);
    if (typeof message.took === 'number') {
      const waiting = sent?.get(message.took);
      sent?.delete(message.took);
      if (waiting) this.#taken(seat, waiting);
      this.#countOpen(seat, 1);
    } else if (typeof message.back === 'number') {
      const waiting = sent?.get(message.back);
      sent?.delete(message.back);
      if (waiting) this.#again([waiting]);
    } else if (typeof message.claim === 'number') {
      const waiting = sent?.get(message.claim);
      sent?.delete(message.claim);
      // One that leaves has been told so meanwhile, and would be gone before it hears the answer.
      const stays = this.#lane(seat.slot).seat === seat;
      if (waiting && stays) {
        this.#taken(seat, waiting);
        this.#countOpen(seat, 1);
      } else if (waiting) this.#again([waiting]);
      seat.send(waiting && stays ? { yours: message.claim } : { gone: message.claim });
    } else if (typeof message.closed === 'number') {
      this.#countOpen(seat, -message.closed);
    } else if (typeof message.passed === 'number') {
      const upTo = message.passed;
      const lost = [...(sent ?? [])].filter(([seq]) => seq <= upTo);
      for (const [seq] of lost) sent?.delete(seq);
      this.#again(lost.map(([, waiting]) => waiting));
    }
    this.#pump(seat.slot);
    this.#settled();
  }

  queued(slot: number): number {
    return this.#lanes[slot]?.queue.length ?? 0;
  }

  async close(timeoutMs: number): Promise<number> {
    const listeners = this.#listeners.splice(0);
    if (listeners.length === 0) return 0;
    // libuv takes connections from the kernel's queue turn by turn: it is empty when two turns in a row brought none.
    const deadline = sharedClockMs() + Math.min(timeoutMs, 1000);
    for (let quiet = 0; quiet < 2 && sharedClockMs() < deadline; ) {
      const before = this.#accepted;
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#accepted === before ? quiet + 1 : 0;
    }
    for (const listener of listeners) listener.close();
    this.#heads?.drop(false);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
      timer = setTimeout(resolve, timeoutMs);
      this.#settled();
    });
    clearTimeout(timer);
    clearInterval(this.#probe);
    let left = this.#heads?.drop(true) ?? 0;
    this.#lanes.forEach((lane, slot) => {
      for (const waiting of lane.queue.splice(0)) {
        left += 1;
        this.#refuse(waiting.handle, slot, 'closing');
      }
    });
    for (const sent of this.#sent.values()) for (const waiting of sent.values()) waiting.handle.close();
    this.#sent.clear();
    return left;
  }

  #arrived(handle: RawHandle): void {
    this.#accepted += 1;
    if (this.#heads) {
      this.#peer.address = '';
      handle.getpeername?.(this.#peer);
      // A unix-domain client is `::`.
      const peer = parseAddress(this.#peer.address.split('%')[0] as string) ?? new Uint8Array(16);
      this.#heads.admit(handle, peer, this.#peer.port ?? 0);
      return;
    }
    const hash = this.#hashOf(handle);
    this.#settings.busiest.saw(hash);
    const placedAt = sharedClockMs();
    const slot = this.#enqueue({ handle, hash, pinned: this.#bounded(hash), placedAt, sentAt: 0 });
    if (slot !== undefined) this.#pump(slot);
  }

  /** Came by the slot's own port. */
  #arrivedFor(slot: number, handle: RawHandle): void {
    this.#accepted += 1;
    const placedAt = sharedClockMs();
    const at = this.#enqueue({ handle, hash: spread(slot), pinned: slot, placedAt, sentAt: 0 });
    if (at !== undefined) this.#pump(at);
  }

  #placed(handle: RawHandle, { slot, key, byAddress, unknown, client, read }: Placement): void {
    const nobody = byAddress && key.every((byte) => byte === 0);
    const hash = nobody
      ? this.#inTurn()
      : byAddress
        ? this.#ring.hashOfAddressBytes(key)
        : this.#ring.hashOfKey(key);
    if (unknown && !nobody) this.#settings.busiest.saw(hash);
    const up = slot !== undefined && slot < this.#ring.size && !this.#ring.isDown(slot);
    const pinned = up ? slot : ((unknown ? this.#newcomersSlot() : undefined) ?? this.#bounded(hash));
    const placedAt = sharedClockMs();
    const at = this.#enqueue({ handle, hash, pinned, client, read, placedAt, sentAt: 0 });
    if (at !== undefined) this.#pump(at);
    this.#settled();
  }

  /** Of several slots with as few connections, another one each time. */
  #newcomersSlot(): number | undefined {
    const { newcomers } = this.#settings;
    if (newcomers === 'ring') return undefined;
    this.#turn += 1;
    const loads = this.#loads();
    const live = loads.flatMap((load, slot) => (Number.isFinite(load) ? [{ load, slot }] : []));
    const turn =
      newcomers === 'random' ? Math.floor(Math.random() * live.length) : this.#turn % (live.length || 1);
    const inTurn = [...live.slice(turn), ...live.slice(0, turn)];
    if (newcomers === 'least-connections') inTurn.sort((one, other) => one.load - other.load);
    return inTurn[0]?.slot;
  }

  /** Where a bound on the load sends a client instead of to its slot; undefined where it stays. As native/acceptor.cc, which says why. */
  #bounded(hash: number): number | undefined {
    const { maxLoad } = this.#settings;
    const owner = this.#ring.slotOfHash(hash);
    if (maxLoad === 0 || owner === -1) return undefined;
    const loads = this.#loads();
    const open = loads.reduce((sum, load) => sum + (Number.isFinite(load) ? load : 0), 1);
    const bound = Math.ceil((maxLoad * open) / this.#ring.live);
    if ((loads[owner] as number) < bound) return undefined;
    return this.#ring.rank(this.#ring.bucketOfHash(hash)).find((slot) => (loads[slot] as number) < bound);
  }

  /** What is open in each slot, or on its way there; infinite where it is down. */
  #loads(): number[] {
    const loads = Array.from({ length: this.#ring.size }, (_, slot) =>
      this.#ring.isDown(slot) ? Number.POSITIVE_INFINITY : this.queued(slot),
    );
    for (const [{ slot }, open] of this.#open)
      if (slot < loads.length) loads[slot] = (loads[slot] as number) + open;
    for (const [{ slot }, sent] of this.#sent)
      if (slot < loads.length) loads[slot] = (loads[slot] as number) + sent.size;
    return loads;
  }

  #countOpen(seat: Seat, more: number): void {
    this.#open.set(seat, (this.#open.get(seat) ?? 0) + more);
  }

  #inTurn(): number {
    this.#turn += 1;
    return spread(this.#turn);
  }

  #hashOf(handle: RawHandle): number {
    this.#peer.address = '';
    // A unix-domain client has no address, and one that has reset already has none any more: any slot will do.
    if (handle.getpeername?.(this.#peer) !== 0 || !this.#peer.address) {
      return this.#inTurn();
    }
    return this.#ring.hashOfAddress(this.#peer.address);
  }

  /** The slot that serves it now; its home while no slot is up. */
  #owner({ hash, pinned }: Waiting): number {
    const waits = this.#settings.direct?.fallback === false;
    if (pinned !== undefined && pinned < this.#ring.size && (waits || !this.#ring.isDown(pinned)))
      return pinned;
    const owner = this.#ring.slotOfHash(hash);
    return owner === -1 ? this.#ring.homeOfHash(hash) : owner;
  }

  #enqueue(waiting: Waiting): number | undefined {
    const slot = this.#owner(waiting);
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
    const sent = this.#sent.get(seat) as Map<number, Waiting>;
    while (lane.queue.length > 0 && sent.size < window) {
      const waiting = lane.queue.shift() as Waiting;
      this.#seq += 1;
      waiting.sentAt = sharedClockMs();
      const { client, read } = waiting;
      const message = { seq: this.#seq, at: waiting.sentAt, client, read: read?.toString('base64') };
      if (!seat.send(message, waiting.handle)) {
        lane.queue.unshift(waiting);
        return;
      }
      sent.set(this.#seq, waiting);
      this.#settings.handed(slot, waiting.pinned ?? this.#ring.homeOfHash(waiting.hash));
    }
  }

  #taken(seat: Seat, { handle, placedAt }: Waiting): void {
    handle.close();
    this.#settings.taken(seat.slot, sharedClockMs() - placedAt);
  }

  #takeBack(seat: Seat): Waiting[] {
    const sent = this.#sent.get(seat);
    const back = [...(sent?.values() ?? [])];
    sent?.clear();
    return back;
  }

  #probeLost(): void {
    const overdue = sharedClockMs() - probeEveryMs;
    for (const [seat, sent] of this.#sent) {
      const last = [...sent].filter(([, waiting]) => waiting.sentAt < overdue).at(-1);
      if (last) seat.send({ probe: last[0] });
    }
  }

  #settled(): void {
    if (!this.#emptied) return;
    const waiting =
      (this.#heads?.size ?? 0) > 0 ||
      this.#lanes.some((lane) => lane.queue.length > 0) ||
      [...this.#sent.values()].some((sent) => sent.size > 0);
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

/** Spreads small numbers over 32 bits. */
function spread(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 0;
}
