import { join } from 'node:path';
import type { ClientIdentity } from '../../affinity/client-identity.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { PeerTable } from '../protocol.js';

/**
 * How many processes a sid distinguishes. A process's generation is its worker index modulo this number. The sid carries it in one
 * byte.
 */
export const generations = 256;

/** The path of a process's peer socket for a listener. `directory` is the router's own, on Windows a prefix of the pipe's name. */
export function peerSocketPath(directory: string, listener: number, workerIndex: number): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\${directory}-${listener}-${workerIndex}`;
  return join(directory, `${listener}-${workerIndex}.sock`);
}

/** The other workers of the router, as this worker knows them. Finds the one that a request belongs to. */
export class Peers {
  readonly #directory: string;
  readonly #slot: number;
  readonly #workerIndex: number;
  readonly #ring: SlotRing;
  #table: PeerTable;

  /** Takes ownership of `ring` and changes it with each {@link update}. */
  constructor(directory: string, slot: number, workerIndex: number, ring: SlotRing) {
    this.#directory = directory;
    this.#slot = slot;
    this.#workerIndex = workerIndex;
    this.#ring = ring;
    this.#table = { slots: ring.size, down: [], processes: [] };
  }

  /** Takes a new table from the primary. */
  update(table: PeerTable): void {
    if (table.slots !== this.#ring.size) this.#ring.resize(table.slots);
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.down.includes(slot)) this.#ring.down(slot);
      else this.#ring.up(slot);
    }
    this.#table = table;
  }

  /**
   * Returns the path of the peer socket that a request of this client belongs to. Undefined if the request belongs to this process,
   * or if no process has its slot.
   *
   * `direct`: the client has chosen this slot by a direct port. Its request is forwarded only if it belongs to a session in another
   * process of this slot.
   */
  peerSocketOf(client: ClientIdentity, listener: number, direct: boolean): string | undefined {
    if (direct && (client.slot !== this.#slot || client.generation === undefined)) return undefined;
    const workerIndex = this.#workerIndexOf(client);
    return workerIndex === undefined || workerIndex === this.#workerIndex
      ? undefined
      : peerSocketPath(this.#directory, listener, workerIndex);
  }

  #workerIndexOf({ slot, generation, key, byAddress }: ClientIdentity): number | undefined {
    if (slot !== undefined && generation !== undefined) {
      // A session lives in one process. If that process is gone, no other one knows the session.
      return this.#table.processes.find(
        (process) => process.slot === slot && process.workerIndex % generations === generation,
      )?.workerIndex;
    }
    if (slot !== undefined && slot < this.#ring.size && !this.#ring.isDown(slot))
      return this.#attachedIn(slot);
    if (key === undefined) return undefined;
    const hash = byAddress ? this.#ring.hashOfAddressBytes(key) : this.#ring.hashOfKey(key);
    return this.#attachedIn(this.#ring.slotOfHash(hash));
  }

  /** The process that serves another slot. This slot's requests stay here, even if this process drains. */
  #attachedIn(slot: number): number | undefined {
    if (slot === this.#slot) return undefined;
    return this.#table.processes.find((process) => process.slot === slot && process.attached)?.workerIndex;
  }
}
