import type { RawHandle } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Placement } from './pending-heads.js';
import type { IpcSettings } from './settings.js';

/** Whose a connection is. */
export interface SlotChoiceResult {
  readonly hash: number;
  /** The slot that its client is to have instead of the ring's, while that is up. */
  readonly pinned?: number | undefined;
}

/** Which slot a connection is to have: its own port's, the one that its client brought, the ring's, or one with few connections. */
export class SlotChoice {
  readonly #settings: IpcSettings;
  /** What is open in each slot, or on its way there; infinite where it is down. */
  readonly #loads: () => number[];
  readonly #peer: { address?: string } = {};
  #ring: SlotRing;
  #turn = 0;

  constructor(ring: SlotRing, settings: IpcSettings, loads: () => number[]) {
    this.#ring = ring;
    this.#settings = settings;
    this.#loads = loads;
  }

  updateRing(ring: SlotRing): void {
    this.#ring = ring;
  }

  /** Of a connection that came by the slot's own port. */
  byPort(slot: number): SlotChoiceResult {
    return { hash: spread(slot), pinned: slot };
  }

  /** Of a connection that nothing but its address tells apart. */
  byPeer(handle: RawHandle): SlotChoiceResult {
    const hash = this.#hashOf(handle);
    this.#settings.busiest.saw(hash);
    return { hash, pinned: this.#slotWithinMaxLoad(hash) };
  }

  /** Of a connection that was looked into. */
  byPlacement({ slot, key, byAddress, unknown }: Placement): SlotChoiceResult {
    const nobody = byAddress && key.every((byte) => byte === 0);
    const hash = nobody
      ? this.#inTurn()
      : byAddress
        ? this.#ring.hashOfAddressBytes(key)
        : this.#ring.hashOfKey(key);
    if (unknown && !nobody) this.#settings.busiest.saw(hash);
    const up = slot !== undefined && slot < this.#ring.size && !this.#ring.isDown(slot);
    return {
      hash,
      pinned: up ? slot : ((unknown ? this.#slotForNewClient() : undefined) ?? this.#slotWithinMaxLoad(hash)),
    };
  }

  /** The slot that serves it now; its home while no slot is up. */
  owner({ hash, pinned }: SlotChoiceResult): number {
    const waits = this.#settings.direct?.fallback === false;
    if (pinned !== undefined && pinned < this.#ring.size && (waits || !this.#ring.isDown(pinned)))
      return pinned;
    const owner = this.#ring.slotOfHash(hash);
    return owner === -1 ? this.#ring.homeOfHash(hash) : owner;
  }

  /** Of several slots with as few connections, another one each time. */
  #slotForNewClient(): number | undefined {
    const { newClients: newcomers } = this.#settings;
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

  /** Where a bound on the load sends a client instead of to its slot; undefined where it stays. As native/handoff/primary/acceptor_choice.cc, which says why. */
  #slotWithinMaxLoad(hash: number): number | undefined {
    const { maxLoad } = this.#settings;
    const owner = this.#ring.slotOfHash(hash);
    if (maxLoad === 0 || owner === -1) return undefined;
    const loads = this.#loads();
    const open = loads.reduce((sum, load) => sum + (Number.isFinite(load) ? load : 0), 1);
    const bound = Math.ceil((maxLoad * open) / this.#ring.live);
    if ((loads[owner] as number) < bound) return undefined;
    return this.#ring.rank(this.#ring.bucketOfHash(hash)).find((slot) => (loads[slot] as number) < bound);
  }

  #hashOf(handle: RawHandle): number {
    this.#peer.address = '';
    // A unix-domain client has no address, and one that has reset already has none any more: any slot will do.
    if (handle.getpeername?.(this.#peer) !== 0 || !this.#peer.address) {
      return this.#inTurn();
    }
    return this.#ring.hashOfAddress(this.#peer.address);
  }

  #inTurn(): number {
    this.#turn += 1;
    return spread(this.#turn);
  }
}

/** Spreads small numbers over 32 bits. */
function spread(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 0;
}
