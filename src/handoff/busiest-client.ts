import type { BusiestCount } from '../binding/handoff-binding.js';

/** The counts of each place that accepts connections, with the place's name. */
export type BusiestCounts = () => Iterable<readonly [place: string, count: BusiestCount]>;

/**
 * Finds the client that makes more than half of the connections, if there is one, in constant space: the majority vote of Boyer and
 * Moore. The same as native/handoff/busiest_client.h, which says what for.
 */
export class BusiestClient {
  /** All connections. */
  seen = 0;
  /** The connections of the candidate since it became the candidate. */
  count = 0;
  #candidate = 0;
  #votes = 0;

  /** Counts a connection; `hash` stands for its client. */
  add(hash: number): void {
    this.seen += 1;
    if (this.#votes === 0) {
      this.#candidate = hash;
      this.count = 0;
    }
    if (hash === this.#candidate) {
      this.#votes += 1;
      this.count += 1;
    } else {
      this.#votes -= 1;
    }
  }
}
