import type { BusiestCount } from '../binding/handoff-binding.js';

/** What each place that sees connections has counted, by a name of its own. */
export type BusiestCounts = () => Iterable<readonly [place: string, count: BusiestCount]>;

/** The twin of native/handoff/busiest_client.h, which says why and how: the majority vote of Boyer and Moore. */
export class BusiestClient {
  /** Connections in all. */
  seen = 0;
  /** Of those, by the candidate since it became one. */
  count = 0;
  #candidate = 0;
  #votes = 0;

  /** `hash` stands for the client. */
  saw(hash: number): void {
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
