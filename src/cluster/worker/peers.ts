import { join } from 'node:path';
import type { ClientIdentity } from '../../affinity/client-identity.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { PeerTable } from '../protocol.js';

/** How many processes of a slot a sid can tell apart. */
export const generations = 256;

/** The door of a process's server for a listener. */
export function peerSocketPath(directory: string, listener: number, workerIndex: number): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\${directory}-${listener}-${workerIndex}`;
  return join(directory, `${listener}-${workerIndex}.sock`);
}

/** What a worker knows of the others: whose a request is. */
export class Peers {
  readonly #directory: string;
  readonly #workerIndex: number;
  readonly #slot: number;
  readonly #ring: SlotRing;
  #table: PeerTable;

  /** `ring` is this object's own from here on. */
  constructor(directory: string, slot: number, workerIndex: number, ring: SlotRing) {
    this.#directory = directory;
    this.#slot = slot;
    this.#workerIndex = workerIndex;
    this.#ring = ring;
    this.#table = { slots: ring.size, down: [], processes: [] };
  }

  update(table: PeerTable): void {
    if (table.slots !== this.#ring.size) this.#ring.resize(table.slots);
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.down.includes(slot)) this.#ring.down(slot);
      else this.#ring.up(slot);
    }
    this.#table = table;
  }

  /**
   * The door of the process that a request with this claim belongs to; undefined where that is this one, or nobody. With
   * `chosen`, the slot is settled, and only a session that lives on in another process of this slot is passed on.
   */
  peerSocketOf(claim: ClientIdentity, listener: number, chosen: boolean): string | undefined {
    if (chosen && (claim.slot !== this.#slot || claim.generation === undefined)) return undefined;
    const workerIndex = this.#workerIndexOf(claim);
    return workerIndex === undefined || workerIndex === this.#workerIndex
      ? undefined
      : peerSocketPath(this.#directory, listener, workerIndex);
  }

  #workerIndexOf({ slot, generation, key, byAddress }: ClientIdentity): number | undefined {
    if (slot !== undefined && generation !== undefined) {
      // A session lives in one process: where that is gone, it is unknown everywhere.
      return this.#table.processes.find(
        (each) => each.slot === slot && each.workerIndex % generations === generation,
      )?.workerIndex;
    }
    if (slot !== undefined && slot < this.#ring.size && !this.#ring.isDown(slot))
      return this.#attachedIn(slot);
    if (key === undefined) return undefined;
    const hash = byAddress ? this.#ring.hashOfAddressBytes(key) : this.#ring.hashOfKey(key);
    return this.#attachedIn(this.#ring.slotOfHash(hash));
  }

  /** A process that still drains serves its slot's requests on the connections that it has. */
  #attachedIn(slot: number): number | undefined {
    if (slot === this.#slot) return undefined;
    return this.#table.processes.find((each) => each.slot === slot && each.attached)?.workerIndex;
  }
}
