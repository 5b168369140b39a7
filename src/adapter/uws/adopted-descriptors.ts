import type { HandoffBinding } from '../../binding/handoff-binding.js';
import type { BoundAddress } from '../../connection.js';
import { slotsMax } from '../../options.js';

/** A check of one descriptor takes about a microsecond, so a count takes a few milliseconds at most. */
const checksAtOnce = 1000;

/**
 * Counts connections whose descriptors were given to uWebSockets.js, which does not report when it closes them. The kernel reuses
 * descriptor numbers. A number that now belongs to something else is recognized by its local address: only connections accepted
 * from the listener have the listener's.
 */
export class AdoptedDescriptors {
  readonly #binding: HandoffBinding;
  readonly #bound: BoundAddress;
  readonly #directPort: number | undefined;
  readonly #closed: () => void;
  readonly #descriptors: Set<number> = new Set();

  /**
   * `bound` is the listener's address, `directPort` the direct port of slot 0. `closed` is called once for each connection, when it
   * is found to be closed.
   */
  constructor(binding: HandoffBinding, bound: BoundAddress, closed: () => void, directPort?: number) {
    this.#binding = binding;
    this.#bound = bound;
    this.#directPort = directPort;
    this.#closed = closed;
  }

  /** Adds a connection. If its number is known already, the earlier connection is closed. */
  add(fd: number): void {
    if (this.#descriptors.has(fd)) this.#closed();
    else this.#descriptors.add(fd);
  }

  /** Returns how many are open. One call checks 1,000 of them, so that a change may show only after one call for each thousand. */
  count(): number {
    let checks = Math.min(checksAtOnce, this.#descriptors.size);
    for (const fd of this.#descriptors) {
      if (checks-- === 0) break;
      // A set keeps the order of insertion: those that are open move to its end, behind those not yet checked.
      this.#descriptors.delete(fd);
      if (this.#isOpen(fd)) this.#descriptors.add(fd);
      else this.#closed();
    }
    return this.#descriptors.size;
  }

  #isOpen(fd: number): boolean {
    const bound = this.#bound;
    try {
      const local = this.#binding.boundAddress(fd);
      if ('path' in local) return 'path' in bound && local.path === bound.path;
      return 'port' in bound && (local.port === bound.port || this.#isDirectPort(local.port));
    } catch {
      return false;
    }
  }

  #isDirectPort(port: number): boolean {
    const base = this.#directPort;
    return base !== undefined && port >= base && port < base + slotsMax;
  }
}
