import { join } from 'node:path';
import type { Claim } from '../../affinity/client-identity.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { NeighbourTable } from '../protocol.js';

/** How many processes of a slot a sid can tell apart. */
export const incarnations = 256;

/** The door of a process's server for a listener. */
export function doorPath(directory: string, listener: number, row: number): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\${directory}-${listener}-${row}`;
  return join(directory, `${listener}-${row}.sock`);
}

/** What a worker knows of the others: whose a request is. */
export class Neighbours {
  readonly #directory: string;
  readonly #row: number;
  readonly #slot: number;
  readonly #ring: SlotRing;
  #table: NeighbourTable;

  /** `ring` is this object's own from here on. */
  constructor(directory: string, slot: number, row: number, ring: SlotRing) {
    this.#directory = directory;
    this.#slot = slot;
    this.#row = row;
    this.#ring = ring;
    this.#table = { slots: ring.size, down: [], processes: [] };
  }

  update(table: NeighbourTable): void {
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
  doorOf(claim: Claim, listener: number, chosen: boolean): string | undefined {
    if (chosen && (claim.slot !== this.#slot || claim.incarnation === undefined)) return undefined;
    const row = this.#rowOf(claim);
    return row === undefined || row === this.#row ? undefined : doorPath(this.#directory, listener, row);
  }

  #rowOf({ slot, incarnation, key, byAddress }: Claim): number | undefined {
    if (slot !== undefined && incarnation !== undefined) {
      // A session lives in one process: where that is gone, it is unknown everywhere.
      return this.#table.processes.find(
        (each) => each.slot === slot && each.row % incarnations === incarnation,
      )?.row;
    }
    if (slot !== undefined && slot < this.#ring.size && !this.#ring.isDown(slot)) return this.#seatedIn(slot);
    if (key === undefined) return undefined;
    const hash = byAddress ? this.#ring.hashOfAddressBytes(key) : this.#ring.hashOfKey(key);
    return this.#seatedIn(this.#ring.slotOfHash(hash));
  }

  /** A process that still drains serves its slot's requests on the connections that it has. */
  #seatedIn(slot: number): number | undefined {
    if (slot === this.#slot) return undefined;
    return this.#table.processes.find((each) => each.slot === slot && each.seated)?.row;
  }
}
