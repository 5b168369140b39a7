import type { RawHandle } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { BusiestClient } from '../busiest-client.js';
import type { DirectPorts } from '../listen-address.js';
import type { Placement } from './pending-heads.js';

/** How a slot is chosen for a client that no rule but `address` knows: by the ring, or whatever the client. */
type NewClientRule = 'ring' | 'least-connections' | 'round-robin' | 'random';

export interface SlotChoiceSettings {
  readonly direct?: DirectPorts | undefined;
  /** Counts the clients of connections that were placed by their address. */
  readonly busiest: BusiestClient;
  readonly newClients: NewClientRule;
  /** The ring gives no client to a slot whose load has reached this multiple of the mean load; 0 for no bound. */
  readonly maxLoad: number;
}

/** Which slot a connection belongs to. */
export interface SlotChoiceResult {
  /** The hash of the client. */
  readonly hash: number;
  /** The slot that has precedence over the ring while it is up. */
  readonly pinned?: number | undefined;
}

/** Chooses a connection's slot: the slot of its direct port, the slot that the client brought, the ring's, or one with few connections. */
export class SlotChoice {
  readonly #settings: SlotChoiceSettings;
  readonly #loads: () => number[];
  readonly #peer: { address?: string } = {};
  #ring: SlotRing;
  #turn = 0;

  /** `loads` returns for each slot the connections that are open or on their way there; infinite for a slot that is down. */
  constructor(ring: SlotRing, settings: SlotChoiceSettings, loads: () => number[]) {
    this.#ring = ring;
    this.#settings = settings;
    this.#loads = loads;
  }

  updateRing(ring: SlotRing): void {
    this.#ring = ring;
  }

  /** For a connection that came by the slot's direct port. */
  byPort(slot: number): SlotChoiceResult {
    return { hash: spread(slot), pinned: slot };
  }

  /** For a connection that nothing was read from: by its peer's address. */
  byPeer(handle: RawHandle): SlotChoiceResult {
    const hash = this.#hashOf(handle);
    this.#settings.busiest.add(hash);
    return { hash, pinned: this.#slotWithinMaxLoad(hash) };
  }

  /** For a connection whose head was read. */
  byPlacement({ slot, key, byAddress, unknown }: Placement): SlotChoiceResult {
    const isUnixPeer = byAddress && key.every((byte) => byte === 0);
    const hash = isUnixPeer
      ? this.#nextHash()
      : byAddress
        ? this.#ring.hashOfAddressBytes(key)
        : this.#ring.hashOfKey(key);
    if (unknown && !isUnixPeer) this.#settings.busiest.add(hash);
    const isUp = slot !== undefined && slot < this.#ring.size && !this.#ring.isDown(slot);
    return {
      hash,
      pinned: isUp
        ? slot
        : ((unknown ? this.#slotForNewClient() : undefined) ?? this.#slotWithinMaxLoad(hash)),
    };
  }

  /** The slot that serves the connection now. If no slot is up, its home. */
  owner({ hash, pinned }: SlotChoiceResult): number {
    const waits = this.#settings.direct?.fallback === false;
    if (pinned !== undefined && pinned < this.#ring.size && (waits || !this.#ring.isDown(pinned)))
      return pinned;
    const owner = this.#ring.slotOfHash(hash);
    return owner === -1 ? this.#ring.homeOfHash(hash) : owner;
  }

  /** Undefined if the ring places new clients. Slots with equally few connections take turns. */
  #slotForNewClient(): number | undefined {
    const { newClients } = this.#settings;
    if (newClients === 'ring') return undefined;
    this.#turn += 1;
    const loads = this.#loads();
    const live = loads.flatMap((load, slot) => (Number.isFinite(load) ? [{ load, slot }] : []));
    const turn =
      newClients === 'random' ? Math.floor(Math.random() * live.length) : this.#turn % (live.length || 1);
    const inTurn = [...live.slice(turn), ...live.slice(0, turn)];
    if (newClients === 'least-connections') inTurn.sort((one, other) => one.load - other.load);
    return inTurn[0]?.slot;
  }

  /**
   * The slot that gets the client because its own has reached `maxLoad`: the next one in the bucket's order that has not. Undefined if
   * the client stays with its own slot. As native/handoff/primary/acceptor.cc, which says why.
   */
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
    // The client of a unix socket has no address, and a connection that was reset has lost it. Any slot will do.
    if (handle.getpeername?.(this.#peer) !== 0 || !this.#peer.address) {
      return this.#nextHash();
    }
    return this.#ring.hashOfAddress(this.#peer.address);
  }

  /** Another hash at each call, so that connections without an address are spread over the slots. */
  #nextHash(): number {
    this.#turn += 1;
    return spread(this.#turn);
  }
}

/** Spreads small numbers over 32 bits. */
function spread(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 0;
}
