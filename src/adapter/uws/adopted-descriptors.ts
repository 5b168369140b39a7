import type { HandoffBinding } from '../../binding/handoff-binding.js';
import type { BoundAddress } from '../../connection.js';
import { slotsMax } from '../../options.js';

/** A look at one descriptor is about a microsecond: a count spends a few milliseconds at most. */
const looksAtOnce = 1000;

/**
 * Counts the connections whose descriptors were given to somebody who does not tell when he closes them. A number that is in use
 * again for something else is told apart by its local address: only what was accepted from the listener has the listener's.
 */
export class AdoptedDescriptors {
  readonly #binding: HandoffBinding;
  readonly #bound: BoundAddress;
  readonly #directPort: number | undefined;
  readonly #closed: () => void;
  readonly #numbers: Set<number> = new Set();

  /** The listener's address, and the first of its ports for each slot. `closed` is called for each connection, once it is found to be closed. */
  constructor(binding: HandoffBinding, bound: BoundAddress, closed: () => void, directPort?: number) {
    this.#binding = binding;
    this.#bound = bound;
    this.#directPort = directPort;
    this.#closed = closed;
  }

  add(fd: number): void {
    if (this.#numbers.has(fd)) this.#closed();
    else this.#numbers.add(fd);
  }

  /** How many are open. Beyond a thousand it may lag behind, by as many calls as there are thousands. */
  count(): number {
    let looks = Math.min(looksAtOnce, this.#numbers.size);
    for (const fd of this.#numbers) {
      if (looks-- === 0) break;
      this.#numbers.delete(fd);
      if (this.#isOpen(fd)) this.#numbers.add(fd);
      else this.#closed();
    }
    return this.#numbers.size;
  }

  #isOpen(fd: number): boolean {
    const bound = this.#bound;
    try {
      const here = this.#binding.boundAddress(fd);
      if ('path' in here) return 'path' in bound && here.path === bound.path;
      return 'port' in bound && (here.port === bound.port || this.#isDirect(here.port));
    } catch {
      return false;
    }
  }

  #isDirect(port: number): boolean {
    const base = this.#directPort;
    return base !== undefined && port >= base && port < base + slotsMax;
  }
}
